#include "models/engine/ordered_simulator.h"

#include <gtest/gtest.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/engine/engine.h"

namespace overlaysim::engine {
namespace {

class Engine : public ::testing::Test {
 protected:
  Engine() { UseOrderedSimulator(); }
  ~Engine() override { ns3::Simulator::Destroy(); }

  void At(int64_t us, const EventOrder& order, const std::string& name) {
    Schedule(Microseconds(us), order, [this, name] { happened.push_back(name); });
  }
  std::vector<std::string> happened;
};

TEST_F(Engine, TakesEventsOfOneInstantByReceiverDeviceAndSequence) {
  struct Event {
    int64_t us;
    EventOrder order;
    const char* name;
  };
  std::vector<Event> events = {{1, {NetnsId(0), 0, 9}, "a"},     {1, {NetnsId(0), 1, 2}, "b"},
                               {1, {NetnsId(0), 1, 3}, "c"},     {1, {NetnsId(1), 0, 1}, "d"},
                               {1, {NetnsId(70000), 5, 0}, "e"}, {2, {NetnsId(0), 0, 0}, "f"}};
  const std::vector<std::string> expected = {"a", "b", "c", "d", "e", "f"};
  std::vector<size_t> permutation = {0, 1, 2, 3, 4, 5};
  int64_t base = 0;
  do {  // whatever the order in which they were made
    happened.clear();
    for (size_t i : permutation) At(events[i].us, events[i].order, events[i].name);
    ns3::Simulator::Run();
    ASSERT_EQ(happened, expected);
    base += 2;
  } while (std::next_permutation(permutation.begin(), permutation.end()));
  EXPECT_EQ(Now(), Microseconds(base));
}

TEST_F(Engine, LetsAnEventMakeOthersOfTheSameInstant) {
  Schedule(Microseconds(1), {NetnsId(5), 1, 1}, [this] {
    happened.push_back("first");
    At(0, {NetnsId(7), 0, 1}, "third");
    At(0, {NetnsId(5), 0, 1}, "second");  // stands before its maker, which is past
  });
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"first", "second", "third"}));
}

TEST_F(Engine, MixesWithEventsOfNs3) {
  ns3::Simulator::ScheduleWithContext(3, ns3::MicroSeconds(1), [this] { happened.push_back("node 3"); });
  ns3::Simulator::Schedule(ns3::MicroSeconds(1), [this] { happened.push_back("no node"); });
  At(1, {NetnsId(0), 0, 0}, "ours");
  ns3::Simulator::ScheduleWithContext(2, ns3::MicroSeconds(1), [this] { happened.push_back("node 2"); });
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"node 2", "node 3", "ours", "no node"}));
}

TEST_F(Engine, TakesEventsThatNs3MakesInsideOneOfOurs) {
  // They inherit the receiver's context, but are no OrderedEvents: they come after it has had its own, as they were
  // made.
  Schedule(Microseconds(1), {NetnsId(5), 3, 1}, [this] {
    ns3::Simulator::Schedule(ns3::MicroSeconds(1), [this] { happened.push_back("ns-3's"); });
    ns3::Simulator::Schedule(ns3::MicroSeconds(1), [this] { happened.push_back("its second"); });
    At(1, {NetnsId(5), 2, 1}, "ours");
    At(1, {NetnsId(6), 2, 1}, "another's");
  });
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"ns-3's", "its second", "ours", "another's"}));
}

TEST_F(Engine, ForgetsEventsThatAreRemoved) {
  At(1, {NetnsId(0), 0, 1}, "before");
  ns3::EventId id = ns3::Simulator::Schedule(ns3::MicroSeconds(2), [this] { happened.push_back("removed"); });
  for (int i = 3; i < 40; ++i) At(i, {NetnsId(0), 0, 1}, "");
  ns3::Simulator::Remove(id);
  ns3::Simulator::Run();
  EXPECT_EQ(happened.size(), 38u);
  EXPECT_EQ(std::count(happened.begin(), happened.end(), "removed"), 0);
}

TEST_F(Engine, KeepsTheOrderOfFarAndNearEvents) {
  // Slots are about a microsecond wide, the wheel turns once in 4.2 ms: events in the present slot, in the next one, at
  // the wheel's end, just behind it and far away, made in an order that is not theirs.
  const std::vector<int64_t> times = {9'000'000, 3, 4'194'303, 1'024, 500'000'000, 2, 4'194'304, 4'195'328, 1'023, 0};
  std::vector<int64_t> happenedAt;
  for (int64_t ns : times)
    Schedule(Nanoseconds{ns}, {NetnsId(1), 0, static_cast<uint64_t>(ns)}, [&] { happenedAt.push_back(Now().count); });
  // and one that is made for the present slot when its turn has come
  Schedule(Nanoseconds{1'024}, {NetnsId(0), 0, 0}, [&] {
    Schedule(Nanoseconds{500}, {NetnsId(0), 0, 1}, [&] { happenedAt.push_back(-Now().count); });
  });
  ns3::Simulator::Run();
  EXPECT_EQ(happenedAt, (std::vector<int64_t>{0, 2, 3, 1'023, 1'024, -1'524, 4'194'303, 4'194'304, 4'195'328, 9'000'000,
                                              500'000'000}));
}

TEST_F(Engine, KeepsTheOrderWhenNs3sUidsBeginAnew) {
  // ns-3's own engine counts events in 32 bits and takes later ones for past ones when that is used up.
  ns3::DynamicCast<OrderedSimulator>(ns3::Simulator::GetImplementation())->CountFrom((uint64_t{1} << 32) - 3);
  std::vector<ns3::EventId> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(ns3::Simulator::Schedule(ns3::MicroSeconds(1), [this, i] { happened.push_back(std::to_string(i)); }));
  for (const ns3::EventId& id : ids) EXPECT_TRUE(id.IsRunning()) << id.GetUid();
  ids[2].Cancel();
  ns3::Simulator::Remove(ids[5]);
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"0", "1", "3", "4", "6", "7"}));
  for (const ns3::EventId& id : ids) EXPECT_TRUE(id.IsExpired()) << id.GetUid();
}

TEST_F(Engine, KnowsWhichEventsOfAnInstantHaveHappened) {
  ns3::EventId later;
  const ns3::EventId first = ns3::Simulator::Schedule(ns3::MicroSeconds(1), [&] {
    EXPECT_TRUE(first.IsExpired());
    EXPECT_TRUE(later.IsRunning());
    later.Cancel();
  });
  later = ns3::Simulator::Schedule(ns3::MicroSeconds(1), [this] { happened.push_back("cancelled"); });
  ns3::Simulator::Run();
  EXPECT_TRUE(happened.empty());
}

TEST_F(Engine, CountsItsEvents) {
  for (int i = 0; i < 1000; ++i) At(i, {NetnsId(0), 0, static_cast<uint64_t>(i)}, "");
  ns3::Simulator::Run();
  EXPECT_EQ(EventCount(), 1000u);
}

// The last one: an interrupt is for the whole process.
/// Allows so much at a time, and notes what it was asked.
class Steps final : public Pacer {
 public:
  explicit Steps(Nanoseconds window) : m_window(window) { SetPacer(this); }
  ~Steps() override { SetPacer(nullptr); }
  std::optional<Nanoseconds> Pace(std::optional<Nanoseconds> next) override {
    asked.push_back(next ? next->count : -1);
    return next ? std::optional(*next + m_window) : std::nullopt;
  }
  std::vector<int64_t> asked;

 private:
  Nanoseconds m_window;
};

TEST_F(Engine, GoesAsFarAsItsPacerSays) {
  for (const int64_t us : {1, 2, 3, 7}) At(us, {NetnsId(0), 0, 0}, std::to_string(us));
  Steps steps(Microseconds(2));
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"1", "2", "3", "7"}));
  EXPECT_EQ(steps.asked, (std::vector<int64_t>{1000, 3000, 7000, -1}));  // 3 us is left out of 1 + 2
}

TEST_F(Engine, TakesWhatComesFromElsewhereBetweenTwoWindows) {
  At(1, {NetnsId(0), 0, 0}, "1");
  At(50, {NetnsId(0), 0, 0}, "50");
  struct Late final : Pacer {
    explicit Late(std::function<void()> m) : make(std::move(m)) { SetPacer(this); }
    ~Late() override { SetPacer(nullptr); }
    std::optional<Nanoseconds> Pace(std::optional<Nanoseconds> next) override {
      if (next == Microseconds(50) && !isDone) {  // the queue has looked that far ahead
        isDone = true;
        make();
        return Microseconds(11);
      }
      return next ? std::optional(*next + Microseconds(1)) : std::nullopt;
    }
    std::function<void()> make;
    bool isDone = false;
  } pacer([this] { At(9, {NetnsId(0), 0, 0}, "10"); });
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"1", "10", "50"}));
}

TEST_F(Engine, StopsBehindTheOtherEventsOfThatTime) {
  StopAt(Microseconds(2));
  At(2, {NetnsId(70000), 9, 9}, "last");
  At(3, {NetnsId(0), 0, 0}, "never");
  ns3::Simulator::Run();
  EXPECT_EQ(happened, std::vector<std::string>{"last"});
  EXPECT_EQ(EventCount(), 2u);
}

TEST_F(Engine, CountsOnlyWhatIsItsOwn) {
  Schedule(Microseconds(1), {NetnsId(0), 0, 0}, [] { DontCount(); });
  Schedule(Microseconds(1), {NetnsId(0), 0, 1}, [] {});
  StopAt(Microseconds(2), false);
  ns3::Simulator::Run();
  EXPECT_EQ(EventCount(), 1u);
}

TEST_F(Engine, OrdersNamedNodesByTheirNamespace) {
  NameContext(3, NetnsId(20));
  NameContext(4, NetnsId(10));
  for (const uint32_t node : {3u, 4u})
    ns3::Simulator::ScheduleWithContext(node, ns3::MicroSeconds(1),
                                        [this] { happened.push_back(std::to_string(ns3::Simulator::GetContext())); });
  ns3::Simulator::Run();
  EXPECT_EQ(happened, (std::vector<std::string>{"4", "3"}));
}

TEST_F(Engine, TellsWhereAnEventsOwnEventsStand) {
  std::vector<Moment> moments;
  Schedule(Microseconds(1), {NetnsId(5), 0, 1}, [&] {
    Schedule({}, {NetnsId(3), 0, 1}, [&] { moments.push_back(CurrentMoment()); });
    moments.push_back(CurrentMoment());
  });
  Schedule(Microseconds(1), {NetnsId(7), 0, 1}, [&] { moments.push_back(CurrentMoment()); });
  ns3::Simulator::Run();
  ASSERT_EQ(moments.size(), 3u);
  EXPECT_EQ(moments[0], moments[1]);  // although 3 comes before 5
  EXPECT_LT(moments[1], moments[2]);
}

TEST_F(Engine, EndsTheRunBeforeTheNextEventWhenInterrupted) {
  At(1, {NetnsId(0), 0, 1}, "first");
  Schedule(Microseconds(2), {NetnsId(0), 0, 2}, [] { Interrupt(); });
  for (int i = 3; i < 10; ++i) At(i, {NetnsId(0), 0, 1}, "late");
  EXPECT_FALSE(WasInterrupted());
  ns3::Simulator::Run();
  EXPECT_TRUE(WasInterrupted());
  EXPECT_EQ(happened, std::vector<std::string>{"first"});
  EXPECT_EQ(Now(), Microseconds(2));
}

}  // namespace
}  // namespace overlaysim::engine
