// oracle_replay CASE_DIR OUT_DIR: carries out a case of the oracle (what a real kernel was told to do) in the
// simulator, and leaves what compare.py compares: OUT_DIR/pcap/SCENARIO/NODE.DEVICE.pcap and OUT_DIR/expect.json;
// beside them the tables at the end (OUT_DIR/state) and the scenarios as `overlaysim run` takes them
// (OUT_DIR/scenario).

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "models/engine/engine.h"
#include "models/host/audit.h"
#include "models/host/stack.h"
#include "models/traffic/inject.h"
#include "models/traffic/ping.h"
#include "models/traffic/tcp_transfer.h"
#include "sim/iproute2/show.h"
#include "sim/plan/compile.h"
#include "sim/run/simulation.h"
#include "sim/scenario/load.h"
#include "sim/trace/capture_writer.h"
#include "tests/oracle/case_file.h"
#include "tests/oracle/step_log.h"

namespace overlaysim::oracle {
namespace {

using nlohmann::json;

/// The most that tcpdump --immediate-mode takes of a frame on an Ethernet device without segmentation offload, however
/// large its snapshot length: libpcap makes the slots of its ring (TPACKET_V2) as large as the device's MTU asks for
/// when it starts, with 18 bytes for header and VLAN tag (create_ring() of pcap-linux.c); the kernel has its own idea
/// of where in the slot the frame begins (tpacket_rcv()), and cuts what goes beyond the slot's end.
uint32_t TapBytes(uint32_t mtu) {
  constexpr uint32_t kAlignment = 16, kReserve = 4;
  constexpr uint32_t kSlotHeader = 32 + 20;     // struct tpacket2_hdr, struct sockaddr_ll
  constexpr uint32_t kLibpcapLinkHeader = 256;  // MAX_LINKHEADER_SIZE
  auto align = [](uint32_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
  const uint32_t slot = align(align(kSlotHeader + kLibpcapLinkHeader) + kReserve - kLibpcapLinkHeader + mtu +
                              wire::kEthernetHeaderBytes + 4);
  return slot - (align(kSlotHeader + kAlignment) + kReserve - wire::kEthernetHeaderBytes);
}

/// Writes a pcap for each captured device, frames of one instant in the order of the time stamps that Linux gives them.
class PcapFiles : public host::Observer {
 public:
  PcapFiles(const std::filesystem::path& directory, const CaseScenario& scenario, Simulation& simulation) {
    std::filesystem::create_directories(directory);
    for (const std::string& point : scenario.captured) {
      const size_t dot = point.find('.');
      const kernel::Namespace* ns = simulation.Namespaces().Find(point.substr(0, dot));
      const kernel::Link* link = ns ? ns->FindLink(point.substr(dot + 1)) : nullptr;
      const uint32_t most = link && !scenario.offload ? TapBytes(link->mtu) : kMaxSnapLength;
      const LinkType type = !link || kernel::HasLinkHeader(link->kind) ? LinkType::Ethernet : LinkType::RawIp;
      m_files[point].writer = std::make_unique<PcapWriter>(directory / (point + ".pcap"), most, type);
    }
  }
  ~PcapFiles() override {
    for (auto& [point, file] : m_files) Flush(file);
  }
  void OnRecord(const TraceRecord&, const HeaderChange&, bool) override {}
  uint32_t NextPacket(uint64_t) override { return 0; }
  void OnFrame(const host::Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool outgoing) override {
    const auto found = m_files.find(stack.Ns().Name() + "." + link.name);
    if (found == m_files.end()) return;
    File& file = found->second;
    if (file.time != engine::Now()) Flush(file);
    file.time = engine::Now();
    const bool isStamped = !outgoing && stack.Net().servedArrival != 0;
    file.held.push_back({isStamped ? stack.Net().servedArrival : stack.Net().arrivals,
                         !isStamped,
                         {frame.Data(), frame.Data() + frame.Size()}});
  }

 private:
  struct Held {
    uint64_t arrival;  ///< its number, or that of the last before it
    bool isBehind;
    std::vector<uint8_t> bytes;
  };
  struct File {
    std::unique_ptr<PcapWriter> writer;
    Nanoseconds time;
    std::vector<Held> held;
  };
  static void Flush(File& file) {
    std::stable_sort(file.held.begin(), file.held.end(), [](const Held& a, const Held& b) {
      return std::tie(a.arrival, a.isBehind) < std::tie(b.arrival, b.isBehind);
    });
    for (const Held& frame : file.held) file.writer->Write(file.time, frame.bytes);
    file.held.clear();
  }
  std::map<std::string, File> m_files;
};

json Lines(const std::string& text) {
  json lines = json::array();
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

json ErrorOr(const traffic::FlowResult& result, json otherwise) {
  return result.error.empty() ? otherwise : json{{"error", result.error}};
}

json ArrivalJson(const std::optional<traffic::UdpFlow::Arrival>& arrival) {
  if (!arrival) return nullptr;
  return {{"from", fmt::format("{}:{}", arrival->from.ToString(), arrival->fromPort)},
          {"size", arrival->bytes},
          {"intact", arrival->intact},
          {"ttl", arrival->ttl},
          {"tos", arrival->tos}};
}

/// What the sender and receiver saw, in the captures' form.
json ResultOf(const traffic::Flow& flow, const std::string& op) {
  const traffic::FlowResult& result = flow.Result();
  if (op == "command") {
    std::string text = result.output + result.errorOutput;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return {{"exit", result.exit}, {"output", Lines(text)}};
  }
  if (const auto* ping = dynamic_cast<const traffic::Ping*>(&flow)) {
    if (ping->FirstAnswer()) {
      const auto& a = *ping->FirstAnswer();
      return {{"reply", {{"from", a.from.ToString()}, {"ttl", a.ttl}, {"size", a.payload}, {"intact", a.intact}}}};
    }
    return ErrorOr(result, {{"timeout", true}});
  }
  if (const auto* udp = dynamic_cast<const traffic::UdpFlow*>(&flow)) {
    json out = ErrorOr(result, {{"sent", result.offeredBytes}});
    out["delivered"] = ArrivalJson(udp->FirstArrival());
    return out;
  }
  if (const auto* tcp = dynamic_cast<const traffic::TcpTransfer*>(&flow)) {
    auto side = [](const traffic::TcpEndResult& s) {
      return s.error.empty() ? json{{"received", s.received}, {"intact", s.intact}} : json{{"error", s.error}};
    };
    if (!tcp->Server()) return side(tcp->Client());
    return {{"client", side(tcp->Client())}, {"server", side(*tcp->Server())}};
  }
  if (const auto* inject = dynamic_cast<const traffic::Inject*>(&flow))
    return {{"sent", result.offeredPackets}, {"delivered", ArrivalJson(inject->FirstArrival())}};
  return nullptr;
}

/// Times and process ids blanked, as the captures have them.
void Blank(json& result) {
  if (!result.is_object() || !result.contains("output")) return;
  for (json& line : result["output"]) {
    std::string text = line;
    auto replaceNumber = [&](const std::string& before, const std::string& after) {
      for (size_t at = text.find(before); at != std::string::npos; at = text.find(before, at + before.size())) {
        size_t end = at + before.size();
        while (end < text.size() && (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.')) ++end;
        if (text.compare(end, after.size(), after) == 0)
          text.replace(at + before.size(), end - at - before.size(), "*");
      }
    };
    replaceNumber("time ", "ms");
    for (size_t at = text.find(" ms"); at != std::string::npos; at = text.find(" ms", at + 1)) {
      const bool isWord = at + 3 == text.size() || !std::isalnum(static_cast<unsigned char>(text[at + 3]));
      const size_t begin = text.find_last_not_of("0123456789.", at - 1) + 1;
      if (!isWord || at == 0 || begin == at) continue;
      text.replace(begin, at - begin, "*");
      at = begin + 1;
    }
    if (text.rfind("rtt ", 0) == 0) {
      std::string blanked;
      for (size_t i = 0; i < text.size(); ++i) {
        const bool number = std::isdigit(static_cast<unsigned char>(text[i])) || text[i] == '.';
        if (!number)
          blanked += text[i];
        else if (blanked.empty() || blanked.back() != '*')
          blanked += '*';
      }
      text = blanked;
    }
    line = text;
  }
}

int RunOne(const CaseScenario& scenario, const std::filesystem::path& out) {
  if (!scenario.error.empty()) {
    fmt::print(stderr, "{}: {}\n", scenario.name, scenario.error);
    return 2;
  }
  std::filesystem::create_directories(out / "scenario");
  std::ofstream(out / "scenario" / (scenario.name + ".json")) << scenario::ToJson(scenario.scenario) << "\n";
  Diagnostics diagnostics;
  std::unique_ptr<ClusterPlan> plan = CompilePlan(scenario.scenario, {}, diagnostics);
  if (!plan) {
    fmt::print(stderr, "{}", diagnostics.Format());
    return 2;
  }
  Simulation simulation(*plan);
  PcapFiles files(out / "pcap" / scenario.name, scenario, simulation);
  simulation.Net().observer = &files;
  auto capture = [&](bool captured) {
    for (const CapturePoint& point : plan->captures) {
      host::Stack& stack = simulation.Net().Get(point.netns);
      if (const kernel::Link* link = stack.Ns().FindLink(point.device)) stack.SetCaptured(link->ifindex, captured);
    }
  };
  for (size_t i = 0; i < plan->NetnsCount(); ++i) simulation.Net().Get(NetnsId(i));  // all of them live from the start
  capture(true);
  const StepLog log(simulation, scenario);
  simulation.Run();
  capture(false);  // the tables are read after tcpdump has ended
  for (const EventOutcome& outcome : simulation.Outcomes())
    if (outcome.exit != 0) fmt::print(stderr, "{}: {}: {}", scenario.name, outcome.text, outcome.error);
  for (const std::string& lost : host::FindUnaccounted(simulation.Net()))
    fmt::print(stderr, "{}: internal error: {}\n", scenario.name, lost);

  json result = {{"scenario", scenario.name}, {"steps", json::array()}};
  for (size_t i = 0; i < scenario.steps.size(); ++i) {
    const Step& step = scenario.steps[i];
    json made = {{"name", step.name}, {"do", json::parse(step.what)}, {"result", nullptr}};
    if (step.traffic)
      if (const traffic::Flow* flow = simulation.FlowOf(FlowId(*step.traffic)))
        made["result"] = ResultOf(*flow, step.op);
    if (const json error = log.IcmpErrorHeard(i); !error.is_null()) made["result"] = {{"icmp_error", error}};
    Blank(made["result"]);
    log.AddTableAnswers(i, made["result"]);
    if (step.watched) {
      made["counters"] = log.Counters(i);
      made["drops"] = log.Drops(i);
    }
    result["steps"].push_back(made);
  }
  const std::filesystem::path state = out / "state" / scenario.name;
  std::filesystem::create_directories(state);
  for (size_t i = 0; i < plan->NetnsCount(); ++i) {
    const kernel::Namespace& ns = simulation.Net().Get(NetnsId(i)).Ns();
    iproute2::ShowOptions options{.format = iproute2::Format::Json};
    options.netnsName = [&](NetnsId id) { return plan->Info(id).name; };
    auto details = options;
    details.details = true;
    std::ofstream(state / (ns.Name() + ".json"))
        << "{\"ip -d link show\": " << iproute2::LinkShow(ns, {}, details)
        << ",\n\"ip addr show\": " << iproute2::AddrShow(ns, {}, options)
        << ",\n\"ip route show table all\": " << iproute2::RouteShow(ns, {.table = 0}, options)
        << ",\n\"ip -6 route show table all\": "
        << iproute2::RouteShow(ns, {.family = iproute2::Family::Inet6, .table = 0}, options)
        << ",\n\"ip neigh show\": " << iproute2::NeighShow(ns, {}, options)
        << ",\n\"bridge fdb show\": " << iproute2::FdbShow(ns, {}, options) << "}\n";
  }
  std::ofstream(out / "steps" / (scenario.name + ".json")) << result.dump() << "\n";
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app{"Carries out a case of the oracle in the simulator"};
  std::string caseDirectory, outDirectory;
  bool print = false;
  app.add_option("CASE_DIR", caseDirectory, "folder with expect.json")->required();
  app.add_option("OUT_DIR", outDirectory, "where pcap/, state/ and expect.json go");
  app.add_flag("--print-scenario", print, "print the scenarios and run nothing");
  CLI11_PARSE(app, argc, argv);
  std::string error;
  const auto scenarios = ReadCase(caseDirectory, error);
  if (!scenarios) {
    fmt::print(stderr, "oracle_replay: {}\n", error);
    return 2;
  }
  if (print) {
    for (const CaseScenario& s : *scenarios) fmt::print("{}\n", scenario::ToJson(s.scenario));
    return 0;
  }
  if (outDirectory.empty()) {
    fmt::print(stderr, "oracle_replay: OUT_DIR is missing\n");
    return 2;
  }
  const std::filesystem::path out = outDirectory;
  std::filesystem::create_directories(out / "steps");
  int worst = 0;
  json all = json::array();
  for (const CaseScenario& s : *scenarios) {
    // ns-3's Simulator is one per process: each scenario gets its own.
    const pid_t child = fork();
    if (child == 0) _exit(RunOne(s, out));
    int status = 0;
    waitpid(child, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 4;
    worst = std::max(worst, code);
    const std::filesystem::path steps = out / "steps" / (s.name + ".json");
    if (std::ifstream file(steps); code == 0 && file) all.push_back(json::parse(file));
    std::filesystem::remove(steps);
  }
  std::filesystem::remove(out / "steps");
  std::ofstream(out / "expect.json") << json{{"scenarios", all}}.dump(1) << "\n";
  return worst;
}

}  // namespace
}  // namespace overlaysim::oracle

int main(int argc, char** argv) { return overlaysim::oracle::Main(argc, argv); }
