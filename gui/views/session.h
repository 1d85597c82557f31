#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <optional>

#include "gui/replay/journey.h"
#include "gui/replay/run.h"
#include "gui/views/facts_reader.h"

namespace overlaysim::views {

/// A thing on the canvas, or nothing.
struct Place {
  enum class Kind : uint8_t { None, Netns, Device, Cable };
  Kind kind = Kind::None;
  uint32_t netns = 0;    ///< of Netns and Device
  uint32_t ifindex = 0;  ///< of Device
  uint32_t cable = 0;    ///< index in the plan's cables
  bool operator==(const Place&) const = default;
};

/// What all views of a window look at together: one run, a time, a place, a packet and a step of its journey. A view
/// changes it here and follows its signals; no view knows another.
class Session : public QObject {
  Q_OBJECT
 public:
  explicit Session(QObject* parent = nullptr);
  ~Session() override;

  /// "" or a sentence that says why the run cannot be shown; then the session stays as it was.
  QString Open(const std::filesystem::path& directory);
  void Close();
  /// Whether the files of a run that had not ended have changed since they were opened: Reload() would show more.
  bool HasNews() const;
  replay::Run* Run() { return m_run.get(); }  ///< null: none is open

  int64_t Time() const { return m_timeNs; }  ///< nanoseconds of simulated time, within the run
  const Place& Selected() const { return m_place; }
  const replay::Journey* Journey() const { return m_journey ? &*m_journey : nullptr; }  ///< followed; null: none
  bool IsPlaying() const { return m_isPlaying; }                                        ///< time moves by itself
  int Step() const { return m_step; }  ///< index of the journey's hop; -1: none
  const replay::Hop* CurrentHop() const;
  /// What is known of cables and drops: of the whole run at first, over time when the trace is read; null: nothing.
  const std::shared_ptr<const RunFacts>& Facts() const { return m_facts; }
  bool IsReadingFacts() const { return m_reader.IsReading(); }

 public slots:
  void SetTime(qint64 ns);
  void SetPlaying(bool playing);
  void StopReadingFacts();
  /// Opens the same directory again, in which a run may still be going on: time, place and packet stay.
  void Reload();
  void Select(const overlaysim::views::Place& place);
  /// Follows the packet; with `step` -1 from its first key hop on. Unknown journeys are reported by Failed().
  void Follow(quint64 journey, int step = -1);
  void FollowRecord(quint64 index);  ///< the journey of that record, at that step
  void StopFollowing();
  void SetStep(int step);  ///< moves the time and the place with it
  void NextStep();         ///< to the next key hop; stays at the end
  void PreviousStep();

 signals:
  void RunAboutToChange();  ///< what belongs to the open run is about to go: let go of it
  void RunChanged();        ///< another run, or none
  void TimeChanged(qint64 ns);
  void PlayingChanged(bool playing);
  void FactsChanged();
  void FactsProgressed(int percent);
  void FactsFailed(const QString& sentence);
  void SelectionChanged();
  void JourneyChanged();  ///< another packet is followed, or none
  void StepChanged();     ///< after JourneyChanged() as well
  void Failed(const QString& sentence);

 private:
  void ReadFacts();
  void LetGo();  ///< of the open run
  /// What tells whether a run's files have changed.
  struct Stamp {
    std::uintmax_t traceBytes = 0, captureBytes = 0;
    std::filesystem::file_time_type manifest;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp StampOf(const std::filesystem::path& directory);

  std::unique_ptr<replay::Run> m_run;
  Stamp m_stamp;  ///< of the run, before it was opened
  std::optional<replay::Journey> m_journey;
  Place m_place;
  int64_t m_timeNs = 0;
  int m_step = -1;
  bool m_isPlaying = false;
  std::shared_ptr<const RunFacts> m_facts;
  FactsReader m_reader;  ///< last: it ends before what it reads
};

}  // namespace overlaysim::views
