#include "gui/views/session.h"

#include <algorithm>
#include <utility>

namespace overlaysim::views {

Session::Session(QObject* parent) : QObject(parent) {
  connect(&m_reader, &FactsReader::Progressed, this, &Session::FactsProgressed);
  connect(&m_reader, &FactsReader::Failed, this, &Session::FactsFailed);
  connect(&m_reader, &FactsReader::Finished, this, [this](std::shared_ptr<const RunFacts> facts) {
    m_facts = std::move(facts);
    emit FactsChanged();
  });
}

Session::~Session() { LetGo(); }

void Session::LetGo() {
  SetPlaying(false);
  m_reader.Cancel();
  emit RunAboutToChange();
  m_facts.reset();
}

void Session::ReadFacts() {
  if (const RunMetrics* metrics = m_run->Metrics())
    m_facts =
        std::make_shared<const RunFacts>(RunFacts{replay::Activity::OfWholeRun(*metrics, m_run->Plan(), m_run->EndNs()),
                                                  replay::LinkHistory(m_run->Plan(), nullptr)});
  if (m_run->HasTrace()) m_reader.Start(m_run->Directory().File(run_file::kTrace), m_run->Plan(), m_run->EndNs());
}

void Session::StopReadingFacts() {
  if (!m_reader.IsReading()) return;
  m_reader.Cancel();
  emit FactsChanged();
}

Session::Stamp Session::StampOf(const std::filesystem::path& directory) {
  std::error_code error;
  const auto size = [&](std::string_view name) {
    const std::uintmax_t bytes = std::filesystem::file_size(directory / name, error);
    return error ? 0 : bytes;
  };
  Stamp stamp{size(run_file::kTrace), size(run_file::kPackets), {}};
  stamp.manifest = std::filesystem::last_write_time(directory / run_file::kManifest, error);
  return stamp;
}

bool Session::HasNews() const { return m_run && !m_run->IsComplete() && StampOf(m_run->Directory().path) != m_stamp; }

void Session::Reload() {
  if (!m_run) return;
  const int64_t time = m_timeNs;
  const Place place = m_place;
  const uint64_t journey = m_journey ? m_journey->id : 0;
  const int step = m_step;
  const QString error = Open(m_run->Directory().path);
  if (!error.isEmpty()) {
    emit Failed(error);
    return;
  }
  if (journey != 0) Follow(journey, step);
  SetTime(time);
  Select(place);
}

QString Session::Open(const std::filesystem::path& directory) {
  std::string error;
  const Stamp stamp = StampOf(directory);
  auto run = replay::Run::Open(directory, error);
  if (!run) return QString::fromStdString(error);
  LetGo();
  m_run = std::move(run);
  m_stamp = stamp;
  ReadFacts();
  m_journey.reset();
  m_step = -1;
  m_place = {};
  m_timeNs = 0;
  emit RunChanged();
  emit JourneyChanged();
  emit StepChanged();
  emit SelectionChanged();
  emit TimeChanged(m_timeNs);
  return {};
}

void Session::Close() {
  LetGo();
  m_journey.reset();
  m_step = -1;
  m_place = {};
  m_timeNs = 0;
  m_run.reset();
  emit RunChanged();
  emit JourneyChanged();
  emit StepChanged();
  emit SelectionChanged();
}

const replay::Hop* Session::CurrentHop() const {
  return m_journey && m_step >= 0 && size_t(m_step) < m_journey->hops.size() ? &m_journey->hops[size_t(m_step)]
                                                                             : nullptr;
}

void Session::SetTime(qint64 ns) {
  if (!m_run) return;
  const int64_t time = std::clamp<int64_t>(ns, 0, m_run->EndNs());
  if (time == m_timeNs) return;
  m_timeNs = time;
  emit TimeChanged(time);
}

void Session::SetPlaying(bool playing) {
  if (playing == m_isPlaying || (playing && !m_run)) return;
  m_isPlaying = playing;
  emit PlayingChanged(playing);
}

void Session::Select(const Place& place) {
  if (place == m_place) return;
  m_place = place;
  emit SelectionChanged();
}

void Session::Follow(quint64 journey, int step) {
  if (!m_run) return;
  std::string error;
  replay::Journey followed = replay::ReadJourney(*m_run, journey, error);
  if (followed.hops.empty()) {
    emit Failed(QString::fromStdString(error));
    return;
  }
  m_journey = std::move(followed);
  m_step = -1;
  emit JourneyChanged();
  if (step < 0) {
    const auto& hops = m_journey->hops;
    const auto key = std::find_if(hops.begin(), hops.end(), [](const replay::Hop& hop) { return hop.isKey; });
    step = key == hops.end() ? 0 : static_cast<int>(key - hops.begin());
  }
  SetStep(step);
}

void Session::FollowRecord(quint64 index) {
  if (!m_run) return;
  const replay::StoredRecord* stored = m_run->RecordAt(index);
  if (!stored) {
    emit Failed(QString::fromStdString(m_run->Error()));
    return;
  }
  const uint64_t journey = stored->record.journey;
  if (!m_journey || m_journey->id != journey) Follow(journey, 0);
  if (!m_journey || m_journey->id != journey) return;
  for (size_t i = 0; i < m_journey->hops.size(); ++i)
    if (m_journey->hops[i].index == index) SetStep(static_cast<int>(i));
}

void Session::StopFollowing() {
  if (!m_journey) return;
  m_journey.reset();
  m_step = -1;
  emit JourneyChanged();
  emit StepChanged();
}

void Session::SetStep(int step) {
  if (!m_journey || step < 0 || size_t(step) >= m_journey->hops.size() || step == m_step) return;
  m_step = step;
  const TraceRecord& record = m_journey->hops[size_t(step)].record;
  emit StepChanged();
  SetTime(record.timeNs);
  Place place;
  place.kind = record.ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
  place.netns = record.netns;
  place.ifindex = record.ifindex;
  Select(place);
}

void Session::NextStep() {
  if (!m_journey) return;
  for (size_t i = static_cast<size_t>(m_step + 1); i < m_journey->hops.size(); ++i)
    if (m_journey->hops[i].isKey) return SetStep(static_cast<int>(i));
}

void Session::PreviousStep() {
  if (!m_journey) return;
  for (int i = m_step - 1; i >= 0; --i)
    if (m_journey->hops[size_t(i)].isKey) return SetStep(i);
}

}  // namespace overlaysim::views
