#pragma once

#include <QColor>
#include <QObject>
#include <QString>
#include <QStringList>
#include <vector>

namespace overlaysim::views {

/// A filter that a person has given a name. With a colour it is a rule too: rows that it lets through have that colour.
struct NamedFilter {
  QString name, text;
  int colour = -1;  ///< index of FilterStore::Colours(); -1: it colours nothing
  bool operator==(const NamedFilter&) const = default;
};

/// Filters with names, colour rules and the filters that were used last, kept in the viewer's settings.
class FilterStore : public QObject {
  Q_OBJECT
 public:
  explicit FilterStore(QObject* parent = nullptr);

  const std::vector<NamedFilter>& Filters() const { return m_filters; }
  /// Those without a name or with a filter that is wrong are left out; of rules the first that fits counts.
  void SetFilters(std::vector<NamedFilter> filters);
  /// Replaces the one of that name, or comes last.
  void Save(const NamedFilter& filter);
  const QStringList& History() const { return m_history; }  ///< the last one first
  void Remember(const QString& text);

  struct Colour {
    QString name;
    QColor colour;
  };
  static const std::vector<Colour>& Colours();

 signals:
  void Changed();  ///< of the filters

 private:
  void Write() const;

  std::vector<NamedFilter> m_filters;
  QStringList m_history;
};

}  // namespace overlaysim::views
