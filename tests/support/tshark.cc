#include "support/tshark.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "support/temporary_directory.h"

namespace overlaysim::test {
namespace {

constexpr const char* kCommand =
    "tshark -n -d udp.port==8472,vxlan -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE"
    " -T fields -E separator=/t -E aggregator='|'"
    " -e frame.interface_name -e frame.time_epoch -e frame.protocols -e frame.comment -e _ws.malformed -e _ws.short"
    " -e ip.checksum.status -e udp.checksum.status -e tcp.checksum.status -e icmp.checksum.status";
constexpr size_t kTextFields = 6;  // those before the statuses

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// Wireshark's PROTO_CHECKSUM_E_BAD and _ILLEGAL; a field holds one status for each such header of the packet.
bool SaysBad(const std::string& statuses) {
  const auto each = Split(statuses, '|');
  return std::any_of(each.begin(), each.end(), [](const std::string& s) { return s == "0" || s == "4"; });
}

}  // namespace

size_t TsharkReport::Malformed() const {
  return static_cast<size_t>(
      std::count_if(packets.begin(), packets.end(), [](const Packet& p) { return p.malformed; }));
}

size_t TsharkReport::BadChecksums() const {
  return static_cast<size_t>(
      std::count_if(packets.begin(), packets.end(), [](const Packet& p) { return p.badChecksum; }));
}

bool HasTshark() { return std::system("tshark --version >/dev/null 2>&1") == 0; }

TsharkReport RunTshark(const std::filesystem::path& capture) {
  const TemporaryDirectory scratch;
  const auto messages = scratch / "messages";
  const std::string command = std::string(kCommand) + " -r '" + capture.string() + "' 2>'" + messages.string() + "'";
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("tshark cannot be started");
  std::string output;
  char part[4096];
  while (const size_t n = fread(part, 1, sizeof(part), pipe)) output.append(part, n);
  TsharkReport report;
  const int status = pclose(pipe);
  report.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream in(messages);
  report.messages.assign(std::istreambuf_iterator<char>(in), {});

  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto fields = Split(line, '\t');
    if (fields.size() < kTextFields) continue;
    TsharkReport::Packet packet{fields[0], fields[1], fields[2], fields[3]};
    packet.malformed = !fields[4].empty() || !fields[5].empty();
    packet.badChecksum = std::any_of(fields.begin() + kTextFields, fields.end(), SaysBad);
    report.packets.push_back(std::move(packet));
  }
  return report;
}

}  // namespace overlaysim::test
