#pragma once

#include <QAbstractTableModel>
#include <QCache>
#include <QTimer>
#include <memory>
#include <vector>

#include "gui/replay/filter.h"
#include "gui/replay/packet_list.h"

namespace overlaysim::itemmodels {

/// The packets of a run as a table: captured frames, or every record of the trace. Rows are read when they are shown;
/// a filter works in a thread, and its rows appear as they are found.
class PacketModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Number, Time, Where, Source, Destination, ProtocolName, Length, Step, Info, ColumnCount };
  enum Role {
    IndexRole = Qt::UserRole,  ///< qulonglong: the row's index without filter; of the trace the record's
    JourneyRole,               ///< qulonglong; 0: not known
    TimeRole,                  ///< qlonglong nanoseconds
    IsRecordRole,              ///< of the trace
    NetnsRole,                 ///< uint: where, of a record
    IfindexRole,
    IsDropRole,
    IsSuspiciousRole,  ///< malformed, or a checksum is wrong
    ProtocolRole,      ///< int of replay::Protocol, the innermost
    RuleRole,          ///< int: the first of the rules that lets the row through; -1: none
    FilterRole         ///< QString: the filter that lets through what has this cell's value; "" where there is none
  };

  explicit PacketModel(QObject* parent = nullptr);
  ~PacketModel() override;

  /// Null: nothing. "" or why there are no packets. The run must live until the next call. Removes the filter.
  QString SetRun(replay::Run* run, replay::PacketSource source);
  /// "" or what is wrong with the filter; then the rows stay as they are. An empty text shows all.
  QString SetFilter(const QString& text, replay::FilterError* error = nullptr);
  QString FilterText() const { return m_filterText; }
  /// Of each row RuleRole says which of these fits first.
  void SetRules(std::vector<replay::Filter> rules);
  bool IsFiltering() const { return m_job != nullptr; }
  void StopFiltering();  ///< what has been found stays
  /// The run has been refreshed: rows that have come since appear, filtered ones too.
  void Refresh();

  bool HasRun() const { return m_list != nullptr; }
  replay::PacketSource RowSource() const { return m_source; }
  uint64_t Total() const { return m_list ? m_list->Count() : 0; }  ///< rows without the filter
  /// The bytes and headers of a row; false when it cannot be read.
  bool Content(int row, replay::PacketContent& content);
  uint64_t IndexAt(int row) const {
    return m_isFiltered ? m_found[static_cast<size_t>(row)] : static_cast<uint64_t>(row);
  }
  int RowOf(uint64_t index) const;     ///< the row, or the first behind it that is shown; -1: none
  int FirstAtOrAfter(int64_t timeNs);  ///< row; -1: none
  int RowOfRecord(uint64_t record) const { return m_source == replay::PacketSource::Trace ? RowOf(record) : -1; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

 signals:
  void Progressed(int percent);  ///< of the filter, or of looking for captured frames
  void Finished();
  void Failed(const QString& sentence);

 private:
  const replay::PacketRow* RowAt(uint64_t index) const;
  int RuleOf(uint64_t index) const;
  QString Text(const replay::PacketRow& row, int column) const;
  QString FilterOf(const replay::PacketRow& row, int column) const;
  void TakeNews();
  void ReadOn();  ///< a slice of the capture
  void ShowRows(int count);

  replay::Run* m_run = nullptr;
  replay::PacketSource m_source = replay::PacketSource::Trace;
  std::unique_ptr<replay::PacketList> m_list;
  std::unique_ptr<replay::FilterJob> m_job;
  bool m_isFiltered = false;
  QString m_filterText;
  std::vector<uint64_t> m_found;
  int m_rows = 0;
  QTimer m_slices;
  mutable QCache<quint64, replay::PacketRow> m_cache;
  std::vector<replay::Filter> m_rules;
  mutable QCache<quint64, int> m_ruleOf;  ///< by row
};

}  // namespace overlaysim::itemmodels
