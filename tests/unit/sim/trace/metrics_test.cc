#include "sim/trace/metrics.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace overlaysim {
namespace {

RunMetrics Example() {
  RunMetrics metrics;
  metrics.simulated = Milliseconds(10);
  metrics.events = 1234;
  metrics.verdicts.Add(Verdict::Delivered, 5);
  metrics.verdicts.Add(Verdict::QueueFull, 2);
  metrics.links = {{"node1-leaf1", "node1/eth0", "leaf1/swp1", {10000000000}, 7, 1036, 2, 296, Milliseconds(4), 500},
                   {"node1-leaf1", "leaf1/swp1", "node1/eth0", {10000000000}, 0, 0, 0, 0, {0}, 0},
                   {"node2-leaf1", "node2/eth0", "leaf1/swp2", {0}, 5, 740, 0, 0, Milliseconds(8), 0}};
  FlowMetrics flow{"ping", "pod-a", "shop/cart-1", 7, 686, 5, 490, {}, {}, {}};
  flow.latencyNs.Add(17000, 4);
  flow.latencyNs.Add(34000);
  flow.rttNs.Add(34000);
  flow.verdicts = metrics.verdicts;
  metrics.flows = {flow};
  metrics.expectations = {{"reach a -> b", "an answer to each", "none to 2 of 7", false}};
  return metrics;
}

TEST(Metrics, SumUpTheFlows) {
  const RunMetrics metrics = Example();
  EXPECT_EQ(metrics.OfferedPackets(), 7U);
  EXPECT_EQ(metrics.DeliveredPackets(), 5U);
  EXPECT_EQ(metrics.verdicts.Drops(), 2U);
  EXPECT_EQ(metrics.Latency().Max(), 34000);
}

TEST(Metrics, BusiestLinksComeByTimeSpentSending) {
  const RunMetrics metrics = Example();
  const auto busiest = metrics.BusiestLinks(5);
  ASSERT_EQ(busiest.size(), 2U) << "a link that sent nothing is not busy";
  EXPECT_EQ(busiest[0]->name, "node2-leaf1");
  EXPECT_EQ(metrics.UtilisationPerMille(*busiest[0]), 800U);  // 8 ms of 10 ms
  EXPECT_EQ(metrics.BusiestLinks(1).size(), 1U);
}

TEST(Metrics, ComeBackFromTheirJson) {
  std::string error;
  const auto back = MetricsFromJson(MetricsToJson(Example()), error);
  ASSERT_TRUE(back) << error;
  EXPECT_EQ(*back, Example());
}

TEST(Metrics, JsonHoldsIntegersOnly) {
  const auto json = nlohmann::json::parse(MetricsToJson(Example()));
  const auto flat = json.flatten();
  for (const auto& [path, value] : flat.items()) EXPECT_FALSE(value.is_number_float()) << path;
  EXPECT_EQ(json["verdicts"]["QueueFull"], 2);
  EXPECT_EQ(json["latencyNs"]["p50"], 17023);  // 17000 is in the bucket of 64: 16960 to 17023
}

TEST(Metrics, RefuseForeignText) {
  std::string error;
  for (const char* text : {"", "{}", "[1]", R"({"format": 2})", R"({"format": 1, "simulatedNs": "x"})"}) {
    error.clear();
    EXPECT_FALSE(MetricsFromJson(text, error)) << text;
    EXPECT_NE(error, "") << text;
  }
}

TEST(Metrics, RefuseAVerdictThatDoesNotExist) {
  std::string text = MetricsToJson(Example());
  text.replace(text.find("QueueFull"), 9, "QueueFool");
  std::string error;
  EXPECT_FALSE(MetricsFromJson(text, error));
  EXPECT_EQ(error, "there is no verdict \"QueueFool\"");
}

TEST(Metrics, RefuseFractionsAndNumbersOutOfRange) {
  for (const char* number : {"1.5", "1e300", "-1", "99999999999999999999"}) {
    std::string text = MetricsToJson(Example());
    text.replace(text.find("1234"), 4, number);  // events
    std::string error;
    EXPECT_FALSE(MetricsFromJson(text, error)) << number;
    EXPECT_EQ(error, "\"events\" is no integer, or out of range");
  }
}

}  // namespace
}  // namespace overlaysim
