#include "gui/document/scenario_edit.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "gui/document/json_outline.h"
#include "sim/base/units.h"
#include "sim/scenario/value.h"

namespace overlaysim::document {
namespace {

constexpr std::string_view kIndent = "  ";

std::string_view IndentOf(std::string_view text, size_t at) {
  const size_t line = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const size_t begin = line == std::string_view::npos ? 0 : line + 1;
  size_t end = begin;
  while (end < at && (text[end] == ' ' || text[end] == '\t')) ++end;
  return text.substr(begin, end - begin);
}

bool StandsOnItsOwnLine(std::string_view text, size_t at) {
  size_t begin = at;
  while (begin > 0 && (text[begin - 1] == ' ' || text[begin - 1] == '\t')) --begin;
  return begin == 0 || text[begin - 1] == '\n';
}

/// Puts `what` behind the last of those that stand in the container, in the same way as they stand.
TextEdit Add(std::string_view text, const JsonOutline& container, size_t lastBegin, size_t lastEnd, bool isEmpty,
             std::string_view what) {
  if (isEmpty) {
    const std::string_view indent = IndentOf(text, container.begin);
    return {container.begin + 1, container.end - container.begin - 2,
            fmt::format("\n{0}{1}{2}\n{0}", indent, kIndent, what)};
  }
  if (StandsOnItsOwnLine(text, lastBegin)) return {lastEnd, 0, fmt::format(",\n{}{}", IndentOf(text, lastBegin), what)};
  return {lastEnd, 0, fmt::format(", {}", what)};
}

TextEdit AddMember(std::string_view text, const JsonOutline& object, std::string_view what) {
  const bool isEmpty = object.members.empty();
  const JsonMember none;
  const JsonMember& last = isEmpty ? none : object.members.back();
  return Add(text, object, last.begin, last.value.end, isEmpty, what);
}

/// Follows the path as far as it goes; how many keys were found.
size_t Follow(const JsonOutline& root, const std::vector<std::string>& path, const JsonOutline*& found) {
  found = &root;
  size_t steps = 0;
  for (; steps < path.size(); ++steps) {
    const JsonMember* member = found->Find(path[steps]);
    if (!member) break;
    found = &member->value;
  }
  return steps;
}

/// The keys that are missing, around the value: "a": { "b": value }
std::string Wrapped(const std::vector<std::string>& path, size_t from, std::string value) {
  for (size_t i = path.size(); i-- > from;) {
    value = scenario::QuoteJson(path[i]) + ": " + value;
    if (i > from) value = "{ " + value + " }";
  }
  return value;
}

/// Takes the first item that it fits out of the list.
std::optional<TextEdit> RemoveItem(std::string_view text, const std::vector<std::string>& path,
                                   const std::function<bool(const JsonOutline& item)>& fits) {
  const auto root = OutlineOf(text);
  if (!root) return std::nullopt;
  const JsonOutline* list;
  if (Follow(*root, path, list) != path.size() || list->kind != JsonOutline::Kind::Array) return std::nullopt;
  const auto& items = list->items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!fits(items[i])) continue;
    if (i > 0) return TextEdit{items[i - 1].end, items[i].end - items[i - 1].end, ""};
    if (items.size() > 1) return TextEdit{items[0].begin, items[1].begin - items[0].begin, ""};
    return TextEdit{list->begin + 1, list->end - list->begin - 2, ""};
  }
  return std::nullopt;
}

bool IsText(std::string_view text, const JsonOutline& value, std::string_view wanted) {
  return text.substr(value.begin, value.end - value.begin) == scenario::QuoteJson(wanted);
}

}  // namespace

std::string Applied(std::string_view text, const TextEdit& edit) {
  std::string out(text);
  return out.replace(edit.offset, edit.length, edit.text);
}

std::optional<TextEdit> AppendItem(std::string_view text, const std::vector<std::string>& path, std::string_view item) {
  const auto root = OutlineOf(text);
  if (!root) return std::nullopt;
  const JsonOutline* at;
  const size_t steps = Follow(*root, path, at);
  if (steps == path.size()) {
    if (at->kind != JsonOutline::Kind::Array) return std::nullopt;
    const bool isEmpty = at->items.empty();
    return Add(text, *at, isEmpty ? 0 : at->items.back().begin, isEmpty ? 0 : at->items.back().end, isEmpty, item);
  }
  if (at->kind != JsonOutline::Kind::Object) return std::nullopt;
  const bool isMissingAlone = steps + 1 == path.size();
  const std::string indent =
      at->members.empty() ? std::string(kIndent) : std::string(IndentOf(text, at->members.back().begin));
  std::string list =
      isMissingAlone ? fmt::format("[\n{0}{1}{2}\n{0}]", indent, kIndent, item) : fmt::format("[ {} ]", item);
  return AddMember(text, *at, Wrapped(path, steps, std::move(list)));
}

std::optional<TextEdit> RemoveNamed(std::string_view text, const std::vector<std::string>& path,
                                    std::string_view name) {
  return RemoveItem(text, path, [&](const JsonOutline& item) {
    const JsonMember* named = item.Find("name");
    return IsText(text, named ? named->value : item, name);
  });
}

std::optional<TextEdit> RemoveLink(std::string_view text, std::string_view a, std::string_view b) {
  return RemoveItem(text, {"underlay", "links"}, [&](const JsonOutline& item) {
    const JsonMember* between = item.Find("between");
    if (!between || between->value.items.size() != 2) return false;
    const auto &first = between->value.items[0], &second = between->value.items[1];
    return (IsText(text, first, a) && IsText(text, second, b)) || (IsText(text, first, b) && IsText(text, second, a));
  });
}

std::optional<TextEdit> RemoveTraffic(std::string_view text, std::string_view from, std::string_view to) {
  return RemoveItem(text, {"traffic"}, [&](const JsonOutline& item) {
    const JsonMember *begin = item.Find("from"), *end = item.Find("to");
    return begin && end && IsText(text, begin->value, from) && IsText(text, end->value, to);
  });
}

std::string Quoted(std::string_view text) { return scenario::QuoteJson(text); }

std::string PodJson(std::string_view name, std::string_view node) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos)
    return fmt::format("{{ \"name\": {}, \"node\": {} }}", Quoted(name), Quoted(node));
  return fmt::format("{{ \"name\": {}, \"namespace\": {}, \"node\": {} }}", Quoted(name.substr(slash + 1)),
                     Quoted(name.substr(0, slash)), Quoted(node));
}

std::string TrafficJson(TrafficKind kind, std::string_view from, std::string_view to) {
  // How much it is stands there to be changed.
  const auto [type, amount] = [kind]() -> std::pair<std::string_view, std::string_view> {
    switch (kind) {
      case TrafficKind::Ping:
        break;
      case TrafficKind::Udp:
        return {"udp", R"("packets": 10, "payload": "1000B")"};
      case TrafficKind::Tcp:
        return {"tcp", R"("up": "100kB")"};
      case TrafficKind::Rpc:
        return {"rpc", R"("count": 10, "request": "100B", "reply": "1kB")"};
      case TrafficKind::Bulk:
        return {"bulk", R"("count": 1, "sizes": "1MB")"};
    }
    return {"ping", R"("count": 3)"};
  }();
  return fmt::format(R"({{ "type": "{}", "from": {}, "to": {}, {} }})", type, Quoted(from), Quoted(to), amount);
}

std::string LinkJson(std::string_view a, std::string_view b) {
  return fmt::format("{{ \"between\": [{}, {}] }}", Quoted(a), Quoted(b));
}

std::string EventJson(const EventWish& wish) {
  const auto quote = [](std::string_view s) { return scenario::QuoteJson(s); };
  const std::string link = fmt::format("\"link\": [{}, {}]", quote(wish.a), quote(wish.b));
  const std::string node = fmt::format("\"node\": {}", quote(wish.a));
  const std::string& where = wish.b.empty() ? node : link;
  std::string what;
  switch (wish.kind) {
    case EventWish::Kind::FailLink:
    case EventWish::Kind::FailNode:
      what = fmt::format("\"fail\": {{ {} }}", where);
      break;
    case EventWish::Kind::SlowLink:
      what = fmt::format("\"set\": {{ {}, \"rate\": {} }}", where, quote(wish.value));
      break;
    case EventWish::Kind::DelayLink:
      what = fmt::format("\"set\": {{ {}, \"delay\": {} }}", where, quote(wish.value));
      break;
    case EventWish::Kind::SetMtu:
      what = fmt::format("\"set\": {{ {}, \"mtu\": {} }}", where, wish.value);
      break;
    case EventWish::Kind::Exec:
      what = fmt::format("\"exec\": {}, \"on\": {}", quote(wish.value), quote(wish.a));
      break;
  }
  const std::string lasts = wish.forNs ? fmt::format(", \"for\": {}", quote(Nanoseconds{*wish.forNs}.ToString())) : "";
  return fmt::format("{{ \"at\": {}, {}{} }}", quote(Nanoseconds{wish.atNs}.ToString()), what, lasts);
}

std::string BlockPortCommand(std::string_view chain, std::string_view protocol, uint16_t port) {
  return fmt::format("iptables -I {} -p {} --dport {} -j DROP", chain, protocol, port);
}

}  // namespace overlaysim::document
