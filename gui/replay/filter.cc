#include "gui/replay/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "gui/replay/explain.h"
#include "gui/replay/fields.h"
#include "gui/replay/filter_text.h"
#include "gui/replay/packet_ends.h"

namespace overlaysim::replay {
namespace {

constexpr size_t kMaxText = 4096, kMaxPattern = 200;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxSlices = 16;

enum class Op : uint8_t { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, Contains, Matches, In };

constexpr std::pair<std::string_view, Op> kOps[] = {
    {"==", Op::Equal},   {"!=", Op::NotEqual},     {"<=", Op::LessOrEqual}, {">=", Op::GreaterOrEqual},
    {"<", Op::Less},     {">", Op::Greater},       {"eq", Op::Equal},       {"ne", Op::NotEqual},
    {"le", Op::LessOrEqual}, {"ge", Op::GreaterOrEqual}, {"lt", Op::Less},  {"gt", Op::Greater},
    {"contains", Op::Contains}, {"matches", Op::Matches}, {"~", Op::Matches}, {"in", Op::In}};

/// Behind a field's name in brackets: which of its bytes are meant. Below 0: counted from the end.
struct Slice {
  int first = 0;
  std::optional<int> last;      ///< [first-last]
  std::optional<size_t> count;  ///< [first:count]; neither: to the end
};

/// "0:3", "0-2", "4", ":3", "4:" as one; nothing when it is none.
std::optional<Slice> ParseSlice(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<int> {
    int value = 0;
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, value);
    return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
  };
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const size_t colon = text.find(':'), dash = text.find('-', 1);
  const size_t cut = std::min({colon, dash, text.size()});
  Slice slice;
  if (cut > 0) {
    const auto first = number(text.substr(0, cut));
    if (!first) return std::nullopt;
    slice.first = *first;
  }
  if (cut == text.size()) {
    slice.count = 1;
    return text.empty() ? std::nullopt : std::optional(slice);
  }
  const std::string_view behind = text.substr(cut + 1);
  if (cut == colon && behind.empty()) return cut > 0 ? std::optional(slice) : std::nullopt;
  const auto second = number(behind);
  if (!second || (cut == colon && *second <= 0)) return std::nullopt;
  if (cut == colon)
    slice.count = static_cast<size_t>(*second);
  else
    slice.last = *second;
  return slice;
}

/// The slices of the bytes one after the other; nothing when one of them reaches out.
std::optional<std::string> Cut(std::string_view bytes, const std::vector<Slice>& slices) {
  const auto size = static_cast<int64_t>(bytes.size());
  std::string all;
  for (const Slice& slice : slices) {
    const int64_t begin = slice.first < 0 ? size + slice.first : slice.first;
    const int64_t end = slice.count  ? begin + static_cast<int64_t>(std::min<size_t>(*slice.count, INT32_MAX))
                        : slice.last ? (*slice.last < 0 ? size : 0) + *slice.last + 1
                                     : size;
    if (begin < 0 || end > size || end <= begin) return std::nullopt;
    all += bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  }
  return all;
}

enum class Function : uint8_t { None, Count, Length, Lower, Upper };
constexpr std::pair<std::string_view, Function> kFunctions[] = {
    {"count", Function::Count}, {"len", Function::Length}, {"lower", Function::Lower}, {"upper", Function::Upper}};

/// What a field is compared with, understood once.
struct Value {
  std::string text;
  int64_t number = 0;        ///< Number, Flag, Size; nanoseconds of Time
  IpAddress address;         ///< Address
  uint8_t prefixLength = 0;  ///< of the address: how many bits count
};

bool ParseAddress(std::string_view text, Value& value) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return false;
  const unsigned bits = address->IsV4() ? 32 : 128;
  unsigned length = bits;
  if (slash != std::string_view::npos) {
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data() + slash + 1, end, length).ptr != end || slash + 1 == text.size() || length > bits)
      return false;
  }
  value.address = *address;
  value.prefixLength = static_cast<uint8_t>(length);
  return true;
}

bool IsInPrefix(const IpAddress& address, const Value& prefix) {
  if (address.IsV4() && prefix.address.IsV4())
    return address.V4().Masked(prefix.prefixLength) == prefix.address.V4().Masked(prefix.prefixLength);
  return address.IsV6() && prefix.address.IsV6() &&
         address.V6().Masked(prefix.prefixLength) == prefix.address.V6().Masked(prefix.prefixLength);
}

/// Names of stages, verdicts, tables: what such a field can be.
std::vector<std::string_view> WordsOf(std::string_view field) {
  std::vector<std::string_view> words;
  if (field == "sim.stage")
    for (size_t i = 0; i < static_cast<size_t>(Stage::Count); ++i) words.push_back(StageName(static_cast<Stage>(i)));
  if (field == "sim.verdict" || field == "sim.drop")
    for (size_t i = 0; i < static_cast<size_t>(Verdict::Count); ++i)
      if (const auto verdict = static_cast<Verdict>(i); field == "sim.verdict" || IsDrop(verdict))
        words.push_back(VerdictName(verdict));
  if (field == "sim.table") words = {"route", "neigh", "fdb", "bridge fdb", "filter", "rule", "tunnel peer"};
  return words;
}

/// Fields that no header has, one letter of the path of a packet each.
enum class Fact : uint8_t {
  None,  ///< it is a header's
  Frame, FrameCaptured, FrameComment, FrameInterface, FrameLength, FrameNumber, FrameProtocols, Time, TimeDelta,
  TcpStream, TcpWindow,
  SourceNode, SourceNs, SourcePod, DestinationNode, DestinationNs, DestinationPod, Node,
  Device, Drop, DropReason, Flow, Journey, Packet, Place, Stage, Table, Verdict
};
constexpr std::pair<std::string_view, Fact> kFacts[] = {
    {"frame", Fact::Frame},                  {"frame.cap_len", Fact::FrameCaptured},
    {"frame.comment", Fact::FrameComment},   {"frame.interface_name", Fact::FrameInterface},
    {"frame.len", Fact::FrameLength},        {"frame.number", Fact::FrameNumber},
    {"frame.protocols", Fact::FrameProtocols}, {"frame.time_delta", Fact::TimeDelta},
    {"frame.time_relative", Fact::Time},
    {"k8s.src.node", Fact::SourceNode},      {"k8s.src.ns", Fact::SourceNs},
    {"k8s.src.pod", Fact::SourcePod},        {"k8s.dst.node", Fact::DestinationNode},
    {"k8s.dst.ns", Fact::DestinationNs},     {"k8s.dst.pod", Fact::DestinationPod},
    {"k8s.node", Fact::Node},                {"sim.device", Fact::Device},
    {"sim.drop", Fact::Drop},                {"sim.drop.reason", Fact::DropReason},
    {"sim.flow", Fact::Flow},                {"sim.journey", Fact::Journey},
    {"sim.packet", Fact::Packet},            {"sim.place", Fact::Place},
    {"sim.stage", Fact::Stage},              {"sim.table", Fact::Table},
    {"sim.time", Fact::Time},                {"sim.verdict", Fact::Verdict},
    {"tcp.stream", Fact::TcpStream},         {"tcp.window_size", Fact::TcpWindow}};

Fact FactOf(std::string_view name) {
  const auto* it = std::find_if(std::begin(kFacts), std::end(kFacts), [&](const auto& f) { return f.first == name; });
  return it == std::end(kFacts) ? Fact::None : it->second;
}
bool IsToldByBytes(Fact fact) {
  return fact == Fact::None || fact == Fact::Frame || fact == Fact::FrameCaptured || fact == Fact::FrameProtocols ||
         fact == Fact::TcpStream || fact == Fact::TcpWindow || (fact >= Fact::SourceNode && fact <= Fact::DestinationPod);
}

bool IsToldByOrder(Fact fact) {
  return fact == Fact::TimeDelta || fact == Fact::TcpStream || fact == Fact::TcpWindow;
}

std::string Decimal(uint64_t number) { return fmt::format("{}", number); }

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A value of a field.
struct Found {
  std::string_view text;
  std::string_view bytes;  ///< what the packet has in its place; of a protocol its header
  std::string_view rest;   ///< of a protocol: its header and all behind it
};

/// Hands each value of the field that the row has to `takeFound`, until that answers true.
template <typename Take>
bool AnyValue(Fact fact, std::string_view name, const FilterSubject& subject, Take&& takeFound) {
  const auto take = [&](std::string_view text) { return takeFound(Found{text, {}, {}}); };
  const auto some = [&](std::string_view text) { return !text.empty() && take(text); };
  const auto end = [&](bool isSource) -> const Netns* {
    const PacketEnds ends = EndsOf(*subject.plan, subject.packet, subject.journey,
                                   subject.record ? subject.record->flow : UINT32_MAX);
    const uint32_t id = isSource ? ends.from : ends.to;
    return id == Topology::kNone ? nullptr : &subject.plan->netns[id];
  };
  const auto hostName = [&](uint32_t netns) -> std::string_view {
    if (netns >= subject.plan->netns.size()) return {};
    return subject.plan->netns[subject.plan->HostOf(netns)].name;
  };
  const TraceRecord* record = subject.record;
  switch (fact) {
    case Fact::None:
      break;
    case Fact::Frame: {
      const std::string_view all = AsText(subject.content);
      return takeFound(Found{{}, all, all});
    }
    case Fact::FrameCaptured:
      return take(Decimal(subject.content.size()));
    case Fact::TimeDelta:
      return take(fmt::format("{}", subject.sinceLastNs));
    case Fact::TcpStream:
    case Fact::TcpWindow:
      return std::any_of(subject.tcp.begin(), subject.tcp.end(), [&](const TcpContext& tcp) {
        return take(Decimal(fact == Fact::TcpStream ? tcp.stream : tcp.window));
      });
    case Fact::FrameComment:
      return some(subject.comment);
    case Fact::FrameInterface:
    case Fact::Place:
      return some(subject.place);
    case Fact::FrameLength:
      return take(Decimal(subject.bytes));
    case Fact::FrameNumber:
      return take(Decimal(subject.number));
    case Fact::FrameProtocols: {
      if (!subject.packet) return false;
      std::string protocols;
      for (const Layer& layer : subject.packet->layers)
        protocols += fmt::format("{}{}", protocols.empty() ? "" : ":", layer.filterName);
      return some(protocols);
    }
    case Fact::Time:
      return take(fmt::format("{}", subject.timeNs));
    case Fact::SourceNode:
    case Fact::DestinationNode: {
      const Netns* ns = end(fact == Fact::SourceNode);
      return ns && some(hostName(ns->id));
    }
    case Fact::SourceNs:
    case Fact::DestinationNs: {
      const Netns* ns = end(fact == Fact::SourceNs);
      return ns && some(ns->PodNamespace());
    }
    case Fact::SourcePod:
    case Fact::DestinationPod: {
      const Netns* ns = end(fact == Fact::SourcePod);
      if (!ns || ns->role != Role::Pod) return false;
      const size_t slash = ns->name.find('/');
      return take(ns->name) || (slash != std::string::npos && take(std::string_view(ns->name).substr(slash + 1)));
    }
    case Fact::Node:
      return some(hostName(subject.netns));
    case Fact::Device: {
      const size_t slash = subject.place.rfind('/');
      const bool hasDevice = record ? record->ifindex != 0 : true;
      return hasDevice && slash != std::string_view::npos && some(subject.place.substr(slash + 1));
    }
    case Fact::Drop:
      return record && IsDrop(record->verdict) && take(VerdictName(record->verdict));
    case Fact::DropReason:
      return record && IsDrop(record->verdict) &&
             some(KernelDrop(record->stage, record->verdict, subject.packet && subject.packet->Find("ipv6.src")));
    case Fact::Flow: {
      if (!record || record->flow == UINT32_MAX) return false;
      if (take(Decimal(record->flow))) return true;
      for (const Workload& workload : subject.plan->workloads)
        if (workload.id == record->flow) return some(workload.name);
      return false;
    }
    case Fact::Journey:
      return subject.journey != 0 && (take(Decimal(subject.journey)) || take(JourneyName(*subject.plan, subject.journey)));
    case Fact::Packet:
      return record && take(Decimal(record->packet));
    case Fact::Stage:
      return record && take(StageName(record->stage));
    case Fact::Table:
      return record && some(TableName(*record));
    case Fact::Verdict:
      return record && take(VerdictName(record->verdict));
  }
  if (!subject.packet) return false;
  const std::string_view content = AsText(subject.content);
  const auto part = [content](size_t offset, size_t length) {
    return offset > content.size() ? std::string_view() : content.substr(offset, length);
  };
  for (const Layer& layer : subject.packet->layers) {
    if (layer.filterName == name &&
        takeFound(Found{{}, part(layer.offset, layer.length), part(layer.offset, std::string_view::npos)}))
      return true;
    for (const Field& field : layer.fields)
      if (field.name == name && takeFound(Found{field.value, part(field.offset, field.length), {}})) return true;
  }
  return false;
}

std::string DidYouMean(const std::vector<std::string_view>& names) {
  if (names.empty()) return {};
  std::string text = "; did you mean ";
  for (size_t i = 0; i < names.size(); ++i)
    text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  return text + "?";
}

}  // namespace

struct Filter::Node {
  enum class Kind : uint8_t { And, Xor, Or, Not, Exists, Compare } kind = Kind::Exists;
  std::shared_ptr<const Node> left, right;
  const FieldInfo* field = nullptr;
  std::vector<std::pair<std::string_view, Fact>> sources;  ///< where its values come from
  std::vector<Slice> slices;
  Function function = Function::None;
  std::optional<Value> mask;
  FieldKind valueKind = FieldKind::Text;  ///< of what is compared: the field's, unless it is cut, masked or measured
  Op op = Op::Equal;
  std::vector<std::pair<Value, Value>> values;  ///< one; of `in` each with its range's end (or itself)
  std::shared_ptr<const Pattern> pattern;

  bool Matches(const FilterSubject& subject) const {
    switch (kind) {
      case Kind::And:
        return left->Matches(subject) && right->Matches(subject);
      case Kind::Xor:
        return left->Matches(subject) != right->Matches(subject);
      case Kind::Or:
        return left->Matches(subject) || right->Matches(subject);
      case Kind::Not:
        return !left->Matches(subject);
      case Kind::Exists:
        return Exists(subject);
      case Kind::Compare:
        break;
    }
    if (op == Op::NotEqual) {
      bool isThere = false;
      return !Any(subject, [&](std::string_view text) {
               isThere = true;
               return IsEqual(text, values[0].first);
             }) &&
             isThere;
    }
    return Any(subject, [&](std::string_view text) { return Holds(text); });
  }

 private:
  /// Hands over each value as it is compared: cut, measured and masked.
  template <typename Take>
  bool Any(const FilterSubject& subject, Take&& take) const {
    const auto all = [&](auto&& takeFound) {
      return std::any_of(sources.begin(), sources.end(),
                         [&](const auto& source) { return AnyValue(source.second, source.first, subject, takeFound); });
    };
    if (function == Function::Count) {
      uint64_t count = 0;
      all([&count](const Found&) { return ++count == 0; });
      return count > 0 && take(Decimal(count));
    }
    return all([&](const Found& found) { return TakeValue(found, take); });
  }
  template <typename Take>
  bool TakeValue(const Found& found, Take&& take) const {
    const bool isText = field->kind == FieldKind::Text;
    if (slices.empty() && function == Function::None && !mask) {
      if (valueKind != FieldKind::Bytes) return take(found.text);
      const std::string_view bytes = op == Op::Contains && field->kind == FieldKind::Protocol ? found.rest : found.bytes;
      if (bytes.empty()) return false;
      return op == Op::Matches ? take(BytesAsText(bytes)) : take(bytes);
    }
    std::string value(isText || valueKind == FieldKind::Number ? found.text : found.bytes);
    if (!slices.empty() || function == Function::Length) value = isText ? found.text : found.bytes;
    if (!slices.empty()) {
      auto cut = Cut(value, slices);
      if (!cut) return false;
      value = std::move(*cut);
    }
    if (function == Function::Length) return take(Decimal(value.size()));
    if (function == Function::Lower) value = overlaysim::replay::Lower(value);
    if (function == Function::Upper) value = overlaysim::replay::Upper(value);
    if (mask && valueKind == FieldKind::Number) {
      int64_t number = 0;
      return ParseInteger(value, number) && take(Decimal(static_cast<uint64_t>(number & mask->number)));
    }
    if (mask) {
      value.resize(std::min(value.size(), mask->text.size()));
      for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(value[i] & mask->text[i]);
    }
    return op == Op::Matches && valueKind == FieldKind::Bytes ? take(BytesAsText(value)) : take(value);
  }
  bool Exists(const FilterSubject& subject) const {
    if (mask)
      return Any(subject, [this](std::string_view value) {
        return valueKind == FieldKind::Number ? value != "0" : value.find_first_not_of('\0') != std::string_view::npos;
      });
    if (field->name == "frame") return true;
    if (field->kind == FieldKind::Protocol && slices.empty())
      return subject.packet &&
             std::any_of(subject.packet->layers.begin(), subject.packet->layers.end(), [&](const Layer& layer) {
               return layer.filterName == field->name ||
                      std::any_of(layer.fields.begin(), layer.fields.end(),
                                  [&](const Field& f) { return f.name == field->name; });
             });
    return Any(subject, [](std::string_view) { return true; });
  }
  bool IsEqual(std::string_view text, const Value& value) const { return Compare(text, value) == 0; }
  /// Below 0, 0, above 0; 2: cannot be compared.
  int Compare(std::string_view text, const Value& value) const {
    switch (valueKind) {
      case FieldKind::Number:
      case FieldKind::Flag:
      case FieldKind::Time:
      case FieldKind::Size: {
        int64_t number = 0;
        if (!ParseInteger(text, number)) return 2;
        return number < value.number ? -1 : number > value.number ? 1 : 0;
      }
      case FieldKind::Address: {
        const auto address = IpAddress::Parse(text);
        if (!address) return 2;
        if (IsInPrefix(*address, value)) return 0;
        if (address->IsV4() != value.address.IsV4()) return 2;
        return *address < value.address ? -1 : 1;
      }
      case FieldKind::Mac:
      case FieldKind::Bytes: {
        const int order = text.compare(value.text);
        return order < 0 ? -1 : order > 0 ? 1 : 0;
      }
      case FieldKind::Text:
      case FieldKind::Protocol:
        break;
    }
    const int order = text.compare(value.text);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  bool Holds(std::string_view text) const {
    if (op == Op::Contains) return text.find(values[0].first.text) != std::string_view::npos;
    if (op == Op::Matches) return pattern->Matches(std::string(text));
    if (op == Op::In)
      return std::any_of(values.begin(), values.end(), [&](const auto& range) {
        const int low = Compare(text, range.first), high = Compare(text, range.second);
        return low != 2 && high != 2 && low >= 0 && high <= 0;
      });
    const int order = Compare(text, values[0].first);
    if (order == 2) return false;
    switch (op) {
      case Op::Equal:
        return order == 0;
      case Op::Less:
        return order < 0;
      case Op::LessOrEqual:
        return order <= 0;
      case Op::Greater:
        return order > 0;
      case Op::GreaterOrEqual:
        return order >= 0;
      default:
        return false;
    }
  }
};

class FilterParser {
 public:
  using Node = Filter::Node;
  using NodePtr = std::shared_ptr<const Node>;

  FilterParser(std::string_view text, FilterError& error) : m_lexer(text), m_error(error) { Advance(); }

  bool Parse(Filter& filter) {
    if (m_token.kind == Token::Kind::End) return true;
    filter.m_root = Or(0);
    if (!filter.m_root) return false;
    if (m_token.kind != Token::Kind::End)
      return Fail(fmt::format("\"{}\" cannot stand here; say && or || between two conditions", m_token.text)) != nullptr;
    filter.m_needsPacket = m_needsPacket;
    filter.m_needsOrder = m_needsOrder;
    return true;
  }

 private:
  void Advance() { m_token = m_lexer.Next(); }
  NodePtr Fail(std::string message) { return FailAt(m_token, std::move(message)); }
  NodePtr FailAt(const Token& token, std::string message) {
    m_error = {token.begin, token.length, std::move(message)};
    return nullptr;
  }
  bool Refuse(const Token& token, std::string message) { return FailAt(token, std::move(message)) != nullptr; }
  bool Is(std::string_view symbol, std::string_view word) const {
    return (m_token.kind == Token::Kind::Symbol && m_token.text == symbol) ||
           (m_token.kind == Token::Kind::Word && Lower(m_token.text) == word);
  }

  NodePtr Or(int depth) { return Chain(depth, Node::Kind::Or); }
  bool IsAt(Node::Kind kind) const {
    return kind == Node::Kind::Or ? Is("||", "or") : kind == Node::Kind::Xor ? Is("^^", "xor") : Is("&&", "and");
  }
  NodePtr Operand(int depth, Node::Kind kind) {
    return kind == Node::Kind::Or    ? Chain(depth, Node::Kind::Xor)
           : kind == Node::Kind::Xor ? Chain(depth, Node::Kind::And)
                                     : Not(depth);
  }
  /// Operands and their operator, one after the other; `and` binds closer than `xor`, and that closer than `or`.
  NodePtr Chain(int depth, Node::Kind kind) {
    NodePtr left = Operand(depth, kind);
    int count = 0;
    while (left && IsAt(kind)) {
      if (++count > kMaxDepth) return Fail("the filter is too long");
      Advance();
      auto node = std::make_shared<Node>();
      node->kind = kind;
      node->left = std::move(left);
      node->right = Operand(depth, kind);
      if (!node->right) return nullptr;
      left = std::move(node);
    }
    return left;
  }
  NodePtr Not(int depth) {
    if (depth > kMaxDepth) return Fail("too many brackets");
    if (Is("!", "not")) {
      Advance();
      auto node = std::make_shared<Node>();
      node->kind = Node::Kind::Not;
      node->left = Not(depth + 1);
      return node->left ? node : nullptr;
    }
    if (m_token.kind == Token::Kind::Symbol && m_token.text == "(") {
      const Token open = m_token;
      Advance();
      NodePtr inner = Or(depth + 1);
      if (!inner) return nullptr;
      if (m_token.text != ")" || m_token.kind != Token::Kind::Symbol) return FailAt(open, "the bracket is not closed");
      Advance();
      return inner;
    }
    return Condition();
  }

  NodePtr Condition() {
    if (m_token.kind == Token::Kind::End) return Fail("something is missing at the end: a field, say ip.addr");
    if (m_token.kind == Token::Kind::Text && m_token.length > 0)
      return Fail("a text cannot stand here; name a field first, as in k8s.src.pod == \"shop/cart\"");
    if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
    if (m_token.kind != Token::Kind::Word) return Fail(fmt::format("\"{}\" cannot stand here; a field is expected, say ip.addr", m_token.text));
    auto node = std::make_shared<Node>();
    const Token name = m_token;
    if (!Measured(*node)) return nullptr;
    if (Is("&", "bitand") && !Masked(*node)) return nullptr;
    const auto op = CurrentOp();
    if (!op) {
      if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
      if (node->function != Function::None)
        return FailAt(name, "a function's result is compared with something, as in len(data.data) > 100");
      return node;
    }
    const bool isWhole = node->field->kind == FieldKind::Protocol && node->slices.empty() && node->function == Function::None;
    if (isWhole && *op == Op::Matches)
      return Fail(fmt::format("matches looks at texts; say {} contains \"GET\", or contains 08:00", node->field->name));
    if (isWhole && *op != Op::Contains)
      return FailAt(name, fmt::format("{} is there or not: name it alone, or one of its fields", node->field->name));
    node->kind = Node::Kind::Compare;
    node->op = *op;
    Advance();
    const std::string_view example = Example(*node);
    if (*op == Op::In) return Set(std::move(node));
    if (m_token.kind == Token::Kind::End) return Fail(fmt::format("a value is missing, {}", example));
    if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
    if (m_token.kind == Token::Kind::Symbol)
      return Fail(fmt::format("\"{}\" cannot stand here; a value is expected, {}", m_token.text, example));
    if (*op == Op::Matches) {
      if (m_token.text.size() > kMaxPattern || m_token.text.find_first_of("{\\") != std::string::npos)
        return Fail(fmt::format("a pattern has at most {} characters, and neither {{ nor \\", kMaxPattern));
      auto pattern = std::make_shared<Pattern>(m_token.text);
      if (!pattern->Error().empty()) return Fail(fmt::format("no regular expression: {}", pattern->Error()));
      node->pattern = std::move(pattern);
    } else {
      Value value;
      if (!Understand(*node, *op, m_token.text, value)) return nullptr;
      node->values.emplace_back(value, value);
    }
    Advance();
    return node;
  }

  /// A field, or a function of one.
  bool Measured(Node& node) {
    const auto* function = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                        [&](const auto& f) { return f.first == Lower(m_token.text); });
    if (function == std::end(kFunctions)) return Named(node);
    const Token open = m_token;
    Advance();
    if (m_token.kind != Token::Kind::Symbol || m_token.text != "(")
      return Refuse(open, fmt::format("{} is a function, as in {}({})", function->first, function->first,
                                      function->second >= Function::Lower ? "k8s.pod" : "data.data"));
    Advance();
    if (m_token.kind != Token::Kind::Word) return Refuse(m_token, "a field is expected, say data.data");
    const Token name = m_token;
    if (!Named(node)) return false;
    node.function = function->second;
    const bool isOfText = node.function == Function::Lower || node.function == Function::Upper;
    if (isOfText && node.field->kind != FieldKind::Text)
      return Refuse(name, fmt::format("{} takes texts, say k8s.pod", function->first));
    if (!isOfText && node.function == Function::Length && !IsInBytes(node) && node.field->kind != FieldKind::Text)
      return Refuse(name, fmt::format("{} has no length in bytes", node.field->name));
    if (!isOfText) node.valueKind = FieldKind::Number;
    if (m_token.kind != Token::Kind::Symbol || m_token.text != ")") return Refuse(open, "the bracket is not closed");
    Advance();
    return true;
  }

  static bool IsInBytes(const Node& node) {
    return std::all_of(node.sources.begin(), node.sources.end(), [](const auto& source) {
      return source.second == Fact::None || source.second == Fact::Frame;
    });
  }

  /// A field, perhaps a part of it.
  bool Named(Node& node) {
    const Token name = m_token;
    const size_t open = name.text.find('[');
    const std::string word = Lower(std::string_view(name.text).substr(0, open));
    node.field = FindField(word);
    if (!node.field) return Refuse(name, fmt::format("there is no field \"{}\"{}", word, HintFor(word)));
    for (const std::string_view source : FieldsBehind(*node.field)) {
      const Fact fact = FactOf(source);
      node.sources.emplace_back(source, fact);
      m_needsPacket |= IsToldByBytes(fact);
      m_needsOrder |= IsToldByOrder(fact);
    }
    m_needsPacket |= node.field->name == "sim.drop.reason";
    const FieldKind kind = node.field->kind;
    node.valueKind = kind == FieldKind::Protocol ? FieldKind::Bytes : kind;
    if (open != std::string::npos && !Sliced(node, name, open)) return false;
    Advance();
    return true;
  }

  bool Sliced(Node& node, const Token& name, size_t open) {
    Token at = name;
    at.begin += open;
    at.length -= open;
    if (!name.text.ends_with(']')) return Refuse(at, "the bracket is not closed, as in eth.src[0:3]");
    const FieldKind kind = node.field->kind;
    const bool isNumber = kind == FieldKind::Number || kind == FieldKind::Flag || kind == FieldKind::Size;
    if (kind == FieldKind::Time || isNumber)
      return Refuse(at, fmt::format("{} is a number, and is not cut{}", node.field->name,
                                    isNumber ? fmt::format("; its bits are tested by {} & 0x01", node.field->name) : ""));
    std::string_view text(name.text);
    text = text.substr(open + 1, text.size() - open - 2);
    while (node.slices.size() < kMaxSlices) {
      const size_t comma = std::min(text.find(','), text.size());
      const auto slice = ParseSlice(text.substr(0, comma));
      if (!slice)
        return Refuse(at, "no part of a field: say [0:3] for three bytes from the first, [0-2], [4], [:3] or [4:]");
      node.slices.push_back(*slice);
      if (comma == text.size()) break;
      text.remove_prefix(comma + 1);
    }
    if (kind != FieldKind::Text) node.valueKind = FieldKind::Bytes;
    return true;
  }

  /// `& 0x02` behind a field.
  bool Masked(Node& node) {
    const Token sign = m_token;
    const FieldKind kind = node.field->kind;
    const bool isNumber = kind == FieldKind::Number || kind == FieldKind::Flag || kind == FieldKind::Size;
    const bool isBytes = node.valueKind == FieldKind::Bytes || kind == FieldKind::Mac;
    if (node.function != Function::None || (kind == FieldKind::Protocol && node.slices.empty()) || !(isNumber || isBytes))
      return Refuse(sign, fmt::format("say && instead of &; bits are tested of numbers and bytes only, as in tcp.flags & 2"));
    Advance();
    Value mask;
    const auto bytes = isNumber ? std::nullopt : ParseBytes(m_token.text);
    if (m_token.kind != Token::Kind::Word || (isNumber ? !ParseInteger(m_token.text, mask.number) : !bytes))
      return Refuse(m_token.kind == Token::Kind::End ? sign : m_token,
                    isNumber ? "the bits are a number, say 0x02" : "the bits are bytes, say 01 or 02:00");
    if (bytes) mask.text = *bytes;
    node.valueKind = isNumber ? FieldKind::Number : FieldKind::Bytes;
    node.mask = std::move(mask);
    Advance();
    return true;
  }

  static std::string HintFor(const std::string& word) {
    if (word.starts_with("tcp.analysis"))
      return "; what Wireshark concludes from a whole capture is not told here: ask for sim.drop, or for tcp.seq_raw and "
             "tcp.len, or open the packets in Wireshark";
    if (word == "tcp.seq" || word == "tcp.ack") return fmt::format("; did you mean \"{}_raw\"?", word);
    return DidYouMean(SimilarFields(word));
  }

  NodePtr Set(std::shared_ptr<Node> node) {
    const Token open = m_token;
    if (m_token.kind != Token::Kind::Symbol || m_token.text != "{")
      return Fail("\"in\" takes values in braces: tcp.port in {80, 443, 8000..8080}");
    for (Advance(); m_token.text != "}" || m_token.kind != Token::Kind::Symbol; Advance()) {
      if (m_token.kind == Token::Kind::Symbol && m_token.text == ",") continue;
      if (m_token.kind == Token::Kind::End) return FailAt(open, "the brace is not closed");
      if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
      if (m_token.kind == Token::Kind::Symbol) return Fail(fmt::format("\"{}\" cannot stand in braces", m_token.text));
      const size_t dots = m_token.kind == Token::Kind::Word ? m_token.text.find("..") : std::string::npos;
      Value low, high;
      if (!Understand(*node, Op::In, m_token.text.substr(0, dots), low)) return nullptr;
      high = low;
      if (dots != std::string::npos && !Understand(*node, Op::In, m_token.text.substr(dots + 2), high)) return nullptr;
      node->values.emplace_back(std::move(low), std::move(high));
    }
    if (node->values.empty()) return FailAt(open, "the braces are empty");
    Advance();
    return node;
  }

  std::optional<Op> CurrentOp() const {
    if (m_token.kind != Token::Kind::Symbol && m_token.kind != Token::Kind::Word) return std::nullopt;
    const std::string text = Lower(m_token.text);
    for (const auto& [name, op] : kOps)
      if (name == text) return op;
    return std::nullopt;
  }

  std::string BadToken() const {
    if (m_token.length > 0 && (m_token.text == "=" || m_token.text == "|"))
      return fmt::format("say {0}{0} instead of {0}", m_token.text);
    return m_token.text.size() == 1 && m_token.length == 1 ? fmt::format("\"{}\" cannot stand here", m_token.text)
                                                          : std::string("the text's closing quotation mark is missing");
  }

  static std::string_view Example(const Node& node) {
    switch (node.valueKind) {
      case FieldKind::Address:
        return node.field->name.starts_with("ipv6") || node.field->name.starts_with("icmpv6") ? "say fd00::1 or fd00::/64"
                                                                                  : "say 10.244.1.2 or 10.244.0.0/16";
      case FieldKind::Mac:
        return "say 02:00:00:00:01:02";
      case FieldKind::Time:
        return "say 1.2s, 300us or 5ms";
      case FieldKind::Size:
        return "say 1450 or 1450B";
      case FieldKind::Flag:
        return "1 or 0";
      case FieldKind::Number:
        return "say 64 or 0x40";
      case FieldKind::Bytes:
        return "say 08:00 or \"GET\"";
      default:
        return "say \"shop/cart\"";
    }
  }

  bool Understand(const Node& node, Op op, const std::string& text, Value& value) {
    const FieldInfo& field = *node.field;
    value.text = text;
    bool isGood = true;
    if (op == Op::Contains && node.valueKind != FieldKind::Bytes) return true;
    switch (node.valueKind) {
      case FieldKind::Number:
        isGood = ParseInteger(text, value.number);
        break;
      case FieldKind::Flag: {
        const std::string lower = Lower(text);
        isGood = lower == "true" || lower == "false" || text == "0" || text == "1";
        value.number = lower == "true" || text == "1";
        break;
      }
      case FieldKind::Size:
        isGood = ParseSize(text, value.number);
        break;
      case FieldKind::Time:
        isGood = text == "0" || ParseDuration(text, value.number) ||
                 (field.name.starts_with("frame.time") && ParseDuration(text + "s", value.number));
        if (!isGood && ParseDuration(text + "s", value.number))
          return Fail(fmt::format("{} has no unit; {}", text, Example(node))) != nullptr;
        break;
      case FieldKind::Address:
        isGood = ParseAddress(text, value);
        break;
      case FieldKind::Mac:
        if (const auto mac = MacAddress::Parse(text))
          value.text = mac->ToString();
        else
          isGood = false;
        break;
      case FieldKind::Bytes:
        // In quotation marks it is what it says.
        if (m_token.kind == Token::Kind::Text) break;
        if (const auto bytes = ParseBytes(text))
          value.text = *bytes;
        else
          isGood = false;
        break;
      default:
        if (node.function == Function::None && node.slices.empty() &&
            (op == Op::Equal || op == Op::NotEqual || op == Op::In))
          return IsWordOf(field, text);
        return true;
    }
    if (!isGood) Fail(fmt::format("\"{}\" is no value of {}; {}", text, field.name, Example(node)));
    return isGood;
  }

  bool IsWordOf(const FieldInfo& field, const std::string& text) {
    const std::vector<std::string_view> words = WordsOf(field.name);
    if (words.empty() || std::find(words.begin(), words.end(), text) != words.end()) return true;
    std::vector<std::string_view> similar;
    const std::string lower = Lower(text);
    for (const std::string_view word : words)
      if (const std::string other = Lower(word); lower.size() >= 3 && (other.find(lower) != std::string::npos ||
                                                                      lower.find(other) != std::string::npos ||
                                                                      other.starts_with(lower.substr(0, 4))))
        if (similar.size() < 3) similar.push_back(word);
    Fail(fmt::format("{} is never \"{}\"{}", field.name, text, DidYouMean(similar)));
    return false;
  }

  Lexer m_lexer;
  FilterError& m_error;
  Token m_token;
  bool m_needsPacket = false, m_needsOrder = false;
};

std::optional<Filter> Filter::Compile(std::string_view text, FilterError& error) {
  error = {};
  if (text.size() > kMaxText || text.find('\0') != std::string_view::npos) {
    error = {0, text.size(), fmt::format("a filter has at most {} characters, and no zeros", kMaxText)};
    return std::nullopt;
  }
  Filter filter;
  filter.m_text = text;
  if (!FilterParser(text, error).Parse(filter)) return std::nullopt;
  return filter;
}

bool Filter::Matches(const FilterSubject& subject) const { return !m_root || m_root->Matches(subject); }

Completions CompleteFilter(std::string_view text, size_t cursor, const Topology* plan, size_t most) {
  text = text.substr(0, std::min(cursor, text.size()));
  Lexer lexer(text);
  Token previous, operation, last;
  for (Token token = lexer.Next(); token.kind != Token::Kind::End; token = lexer.Next()) {
    previous = std::exchange(operation, std::exchange(last, std::move(token)));
  }
  // What stands before the cursor without a blank is being typed; else something new begins.
  const bool isTyping = last.kind == Token::Kind::Word && last.begin + last.length == text.size();
  const bool isInText = last.kind == Token::Kind::Bad && last.length > 0 && text[last.begin] == '"';
  if (!isTyping && !isInText) {
    previous = std::exchange(operation, std::exchange(last, Token{}));
    last.begin = text.size();
  }
  Completions completions{last.begin, text.size() - last.begin, {}};
  const std::string typed = Lower(last.text);
  const auto add = [&](std::string_view name, std::string_view meaning) {
    if (completions.found.size() < most && Lower(name).find(typed) != std::string::npos)
      completions.found.push_back({std::string(name), std::string(meaning)});
  };
  const bool isOp = std::any_of(std::begin(kOps), std::end(kOps), [&](const auto& op) { return op.first == Lower(operation.text); });
  const FieldInfo* field = isOp ? FindField(Lower(previous.text)) : nullptr;
  if (field) {
    for (const std::string_view word : WordsOf(field->name)) {
      const auto verdict = FindVerdict(word);
      add(word.find(' ') == std::string_view::npos ? std::string(word) : fmt::format("\"{}\"", word),
          verdict && field->name != "sim.stage" ? VerdictCondition(*verdict) : "");
    }
    if (!plan) return completions;
    const bool wantsPods = field->name.ends_with(".pod"), wantsNodes = field->name.ends_with("node");
    std::vector<std::string_view> known;
    if (field->name.ends_with(".ns") || wantsPods || wantsNodes)
      for (const Netns& ns : plan->netns) {
        const std::string_view name = wantsPods || wantsNodes ? std::string_view(ns.name) : ns.PodNamespace();
        if (name.empty() || (wantsPods && ns.role != Role::Pod) || (wantsNodes && ns.role == Role::Pod)) continue;
        if (completions.found.size() >= most) break;
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const size_t before = completions.found.size();
        add(fmt::format("\"{}\"", name), "");
        if (completions.found.size() != before) known.push_back(name);
      }
    return completions;
  }
  if (operation.kind == Token::Kind::Word && FindField(Lower(operation.text))) {
    for (const auto& [name, meaning] : {std::pair{"==", "is"}, std::pair{"!=", "is there, and never"}, std::pair{"<", "below"},
                                        std::pair{">", "above"}, std::pair{"contains", "has in it"},
                                        std::pair{"matches", "regular expression"}, std::pair{"in", "one of {…}"}, std::pair{"&", "some of these bits are set"},
                                        std::pair{"&&", "and"}, std::pair{"||", "or"}})
      add(name, meaning);
    return completions;
  }
  // Names that begin so stand before those that have it in them.
  for (const bool isBeginning : {true, false})
    for (const FieldInfo& info : KnownFields())
      if (info.name.starts_with(typed) == isBeginning) add(info.name, info.meaning);
  for (const auto& [name, meaning] :
       {std::pair{"count(", "how often it is there"}, std::pair{"len(", "how many bytes it has"},
        std::pair{"lower(", "in small letters"}, std::pair{"upper(", "in capital letters"}})
    if (!typed.empty() && std::string_view(name).starts_with(typed)) add(name, meaning);
  return completions;
}

}  // namespace overlaysim::replay
