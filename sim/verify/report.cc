#include "sim/verify/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace overlaysim::verify {
namespace {

constexpr size_t kNameWidth = 16, kValueWidth = 36;

std::string WhenOf(const std::optional<FrameDifference::Side>& side) {
  return side ? fmt::format("frame {} at {:.6f} s", side->number, static_cast<double>(side->at.count) / 1e9)
              : "no such frame";
}

std::string Row(const std::string& mark, const std::string& name, const std::string& left, const std::string& right,
                const std::string& note = "") {
  std::string line = fmt::format("{:<2}{:<{}} {:<{}} {}", mark, name, kNameWidth, left, kValueWidth, right);
  if (!note.empty()) line = fmt::format("{:<{}} {}", line, 2 + kNameWidth + 1 + 2 * kValueWidth, note);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string NameOf(const FrameField& field) { return field.layer + " " + field.name; }

}  // namespace

std::string SideBySide(const std::string& point, const FrameDifference& difference) {
  const std::vector<FrameField> none;
  const auto& left = difference.simulated ? difference.simulated->frame.fields : none;
  const auto& right = difference.real ? difference.real->frame.fields : none;
  std::string out = Row("", point, "simulator", "kernel");
  out += Row("", "", WhenOf(difference.simulated), WhenOf(difference.real));
  bool isMarked = !difference.simulated || !difference.real;
  for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string a = i < left.size() ? left[i].value : "", b = i < right.size() ? right[i].value : "";
    const bool sameName = i < left.size() && i < right.size() && NameOf(left[i]) == NameOf(right[i]);
    const bool differs = difference.simulated && difference.real && (!sameName || a != b);
    const std::string name = i < left.size() ? NameOf(left[i]) : NameOf(right[i]);
    const std::string other = sameName || i >= right.size() || i >= left.size() ? b : NameOf(right[i]) + " " + b;
    out += Row(differs ? "*" : "", name, a, other, differs && !isMarked ? "<- first difference" : "");
    isMarked |= differs;
  }
  if (difference.drawnDiffers)
    out += "  alike, but a port or id that the kernel draws does not stand for the same flow as before\n";
  else if (!isMarked)
    out += "  the fields are alike; bytes that are not shown differ\n";
  return out;
}

std::string PointReport(const PointComparison& comparison, size_t shown) {
  std::string out =
      fmt::format("{:<32} {:>6} frame{} alike", comparison.point, comparison.alike, comparison.alike == 1 ? " " : "s");
  if (!comparison.differences.empty()) out += fmt::format(", {} differ", comparison.differences.size());
  if (comparison.turned > 0) out += fmt::format(" ({} ARP from the other side)", comparison.turned);
  if (comparison.leftOut > 0) out += fmt::format(" ({} of TCP, timers or the end left out)", comparison.leftOut);
  out += "\n";
  for (size_t i = 0; i < std::min(shown, comparison.differences.size()); ++i)
    out += "\n" + SideBySide(comparison.point, comparison.differences[i]);
  if (comparison.differences.size() > shown)
    out += fmt::format("\n  and {} more there\n", comparison.differences.size() - shown);
  return out;
}

std::string ComparableOutput(const std::string& output) {
  static const std::regex kTimes("[0-9]+(\\.[0-9]+)? ?ms\\b"), kRtt("rtt [^\n]*"), kNetns("link-netns(id)? [^ \n]+"),
      kBlanks("[ \t]+(\n|$)");
  std::string text = std::regex_replace(output, kRtt, "rtt *");
  text = std::regex_replace(text, kTimes, "* ms");
  text = std::regex_replace(text, kNetns, "link-netns *");
  text = std::regex_replace(text, kBlanks, "$1");
  return text;
}

}  // namespace overlaysim::verify
