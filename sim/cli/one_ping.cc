#include "sim/cli/one_ping.h"

#include "sim/scenario/enums.h"

namespace overlaysim::cli {
namespace {

const CLI::Validator kSpan(
    [](std::string& text) {
      return Nanoseconds::Parse(text) ? std::string() : "\"" + text + "\" is no time; say for example 1.5s or 200ms";
    },
    "TIME");

/// As ping(8) takes it: seconds without a unit; with one too.
const CLI::Validator kInterval(
    [](std::string& text) {
      if (!text.empty() && text.find_first_not_of("0123456789.") == std::string::npos) text += "s";
      return kSpan(text);
    },
    "TIME");

}  // namespace

void OnePing::AddTo(CLI::App& verb, bool severalPackets) {
  verb.add_option("SCENARIO", scenario.path, "the scenario's file")->required();
  verb.add_option("FROM", from, "a pod (\"pod-a\", \"shop/cart-1\"), a node or an outside host")->required();
  verb.add_option("TO", to, "the same, or an address")->required();
  if (severalPackets) {
    verb.add_option("-c,--count", count, "how many requests")->check(CLI::Range(1, 1000000))->capture_default_str();
    verb.add_option("-i,--interval", interval, "between two requests (1s)")->transform(kInterval);
  }
  verb.add_option("-s,--size", payload, "bytes of payload (56)")->check(CLI::Range(0, 65507));
  verb.add_option("-t,--ttl", ttl, "time to live (64)")->check(CLI::Range(1, 255));
  verb.add_option("-M,--pmtudisc", df, "don't fragment: do, want or dont")
      ->check(CLI::IsMember({"do", "want", "dont"}));
  verb.add_option("--at", start, "when, on the clock of the scenario's events (0s)")->check(kSpan);
  scenario.AddTo(verb, false);
}

std::optional<LoadedPlan> OnePing::Load() const {
  return cli::Load(scenario, [this](scenario::Scenario& s) {
    scenario::Traffic ping;
    ping.from = scenario::Text(from);
    ping.to = scenario::Text(to);
    ping.count = scenario::Located<uint64_t>(count);
    if (!interval.empty()) ping.interval = scenario::Located<Nanoseconds>(*Nanoseconds::Parse(interval));
    if (!start.empty()) ping.start.value.at = *Nanoseconds::Parse(start);
    if (payload) ping.payload = scenario::Located<Bytes>(Bytes{*payload});
    if (ttl) ping.ttl = scenario::Located<uint8_t>(static_cast<uint8_t>(*ttl));
    const auto& words = scenario::WordsOf<scenario::Df>().words;
    if (auto word = std::find(words.begin(), words.end(), df); word != words.end())
      ping.df = scenario::Located<scenario::Df>(static_cast<scenario::Df>(word - words.begin()));
    s.traffic = {ping};
    s.expect.clear();
    s.capture.clear();
    s.duration.reset();
  });
}

}  // namespace overlaysim::cli
