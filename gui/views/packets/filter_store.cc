#include "gui/views/packets/filter_store.h"

#include <QSettings>
#include <algorithm>

#include "gui/replay/filter.h"

namespace overlaysim::views {
namespace {

constexpr int kMostHistory = 20, kMostFilters = 200;

const QString kFilters = QStringLiteral("packets/filters"), kHistory = QStringLiteral("packets/history");

bool IsGood(const NamedFilter& filter) {
  replay::FilterError error;
  return !filter.name.trimmed().isEmpty() && !filter.text.trimmed().isEmpty() &&
         replay::Filter::Compile(filter.text.toStdString(), error).has_value();
}

}  // namespace

const std::vector<FilterStore::Colour>& FilterStore::Colours() {
  // Okabe and Ito's.
  static const std::vector<Colour> colours{{tr("orange"), QColor(0xe69f00)}, {tr("sky blue"), QColor(0x56b4e9)},
                                           {tr("green"), QColor(0x009e73)},  {tr("yellow"), QColor(0xf0e442)},
                                           {tr("blue"), QColor(0x0072b2)},   {tr("vermilion"), QColor(0xd55e00)},
                                           {tr("purple"), QColor(0xcc79a7)}};
  return colours;
}

FilterStore::FilterStore(QObject* parent) : QObject(parent) {
  QSettings settings;
  m_history = settings.value(kHistory).toStringList().mid(0, kMostHistory);
  const int count = std::min(settings.beginReadArray(kFilters), kMostFilters);
  for (int i = 0; i < count; ++i) {
    settings.setArrayIndex(i);
    NamedFilter filter{settings.value(QStringLiteral("name")).toString(),
                       settings.value(QStringLiteral("filter")).toString(),
                       settings.value(QStringLiteral("colour"), -1).toInt()};
    if (filter.colour >= static_cast<int>(Colours().size())) filter.colour = -1;
    if (IsGood(filter)) m_filters.push_back(filter);
  }
  settings.endArray();
}

void FilterStore::SetFilters(std::vector<NamedFilter> filters) {
  filters.erase(std::remove_if(filters.begin(), filters.end(), [](const NamedFilter& f) { return !IsGood(f); }),
                filters.end());
  if (filters.size() > kMostFilters) filters.resize(kMostFilters);
  if (filters == m_filters) return;
  m_filters = std::move(filters);
  Write();
  emit Changed();
}

void FilterStore::Save(const NamedFilter& filter) {
  std::vector<NamedFilter> filters = m_filters;
  const auto same =
      std::find_if(filters.begin(), filters.end(), [&](const NamedFilter& f) { return f.name == filter.name; });
  if (same == filters.end())
    filters.push_back(filter);
  else
    *same = filter;
  SetFilters(std::move(filters));
}

void FilterStore::Remember(const QString& text) {
  m_history.removeAll(text);
  m_history.prepend(text);
  while (m_history.size() > kMostHistory) m_history.removeLast();
  QSettings().setValue(kHistory, m_history);
}

void FilterStore::Write() const {
  QSettings settings;
  settings.remove(kFilters);
  settings.beginWriteArray(kFilters, static_cast<int>(m_filters.size()));
  for (size_t i = 0; i < m_filters.size(); ++i) {
    settings.setArrayIndex(static_cast<int>(i));
    settings.setValue(QStringLiteral("name"), m_filters[i].name);
    settings.setValue(QStringLiteral("filter"), m_filters[i].text);
    settings.setValue(QStringLiteral("colour"), m_filters[i].colour);
  }
  settings.endArray();
}

}  // namespace overlaysim::views
