#include "gui/replay/filter.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "gui/replay/explain.h"
#include "gui/replay/fields.h"
#include "gui/replay/packet_ends.h"

namespace overlaysim::replay {
namespace {

constexpr size_t kMaxText = 4096, kMaxPattern = 200;
constexpr int kMaxDepth = 64;

enum class Op : uint8_t { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, Contains, Matches, In };

constexpr std::pair<std::string_view, Op> kOps[] = {
    {"==", Op::Equal},   {"!=", Op::NotEqual},     {"<=", Op::LessOrEqual}, {">=", Op::GreaterOrEqual},
    {"<", Op::Less},     {">", Op::Greater},       {"eq", Op::Equal},       {"ne", Op::NotEqual},
    {"le", Op::LessOrEqual}, {"ge", Op::GreaterOrEqual}, {"lt", Op::Less},  {"gt", Op::Greater},
    {"contains", Op::Contains}, {"matches", Op::Matches}, {"~", Op::Matches}, {"in", Op::In}};

/// A regular expression of POSIX, which cannot run away as backtracking ones can.
class Pattern {
 public:
  explicit Pattern(const std::string& text) { m_error = regcomp(&m_regex, text.c_str(), REG_EXTENDED | REG_ICASE | REG_NOSUB); }
  ~Pattern() {
    if (m_error == 0) regfree(&m_regex);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  std::string Error() const {
    if (m_error == 0) return {};
    char text[200];
    regerror(m_error, &m_regex, text, sizeof(text));
    return text;
  }
  bool Matches(const std::string& text) const { return regexec(&m_regex, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t m_regex{};
  int m_error = 0;
};

/// What a field is compared with, understood once.
struct Value {
  std::string text;
  int64_t number = 0;        ///< Number, Flag, Size; nanoseconds of Time
  IpAddress address;         ///< Address
  uint8_t prefixLength = 0;  ///< of the address: how many bits count
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

bool ParseInteger(std::string_view text, int64_t& number) {
  const bool isHex = text.starts_with("0x") || text.starts_with("0X");
  if (isHex) text.remove_prefix(2);
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number, isHex ? 16 : 10);
  return error == std::errc() && at == end;
}

struct Unit {
  std::string_view name;
  int64_t scale;
};
constexpr Unit kTimeUnits[] = {{"ns", 1}, {"us", 1000}, {"µs", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}};
constexpr Unit kSizeUnits[] = {{"B", 1}, {"kB", 1000}, {"KiB", 1024}, {"MB", 1000000}, {"MiB", 1048576}};

/// "1.2s" in units of one; false when it is no number with one of the units.
template <size_t N>
bool ParseWithUnit(std::string_view text, const Unit (&units)[N], int64_t& number) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view amount = text.substr(0, digits), unitName = text.substr(digits);
  const auto unit = std::find_if(std::begin(units), std::end(units), [&](const Unit& u) { return u.name == unitName; });
  if (unit == std::end(units) || amount.empty() || amount.size() > 30) return false;
  __extension__ using Wide = __int128;
  Wide value = 0, scale = unit->scale;
  bool hasPoint = false, hasDigit = false;
  for (const char c : amount) {
    if (c == '.') {
      if (std::exchange(hasPoint, true)) return false;
      continue;
    }
    hasDigit = true;
    if (hasPoint) {
      scale /= 10;
      value += (c - '0') * scale;
    } else {
      value = value * 10 + (c - '0') * Wide{unit->scale};
      if (value > INT64_MAX) return false;
    }
  }
  number = static_cast<int64_t>(value);
  return hasDigit;
}

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
  FrameComment, FrameInterface, FrameLength, FrameNumber, FrameProtocols, Time,
  SourceNode, SourceNs, SourcePod, DestinationNode, DestinationNs, DestinationPod, Node,
  Device, Drop, DropReason, Flow, Journey, Packet, Place, Stage, Table, Verdict
};
constexpr std::pair<std::string_view, Fact> kFacts[] = {
    {"frame.comment", Fact::FrameComment},   {"frame.interface_name", Fact::FrameInterface},
    {"frame.len", Fact::FrameLength},        {"frame.number", Fact::FrameNumber},
    {"frame.protocols", Fact::FrameProtocols}, {"frame.time_relative", Fact::Time},
    {"k8s.src.node", Fact::SourceNode},      {"k8s.src.ns", Fact::SourceNs},
    {"k8s.src.pod", Fact::SourcePod},        {"k8s.dst.node", Fact::DestinationNode},
    {"k8s.dst.ns", Fact::DestinationNs},     {"k8s.dst.pod", Fact::DestinationPod},
    {"k8s.node", Fact::Node},                {"sim.device", Fact::Device},
    {"sim.drop", Fact::Drop},                {"sim.drop.reason", Fact::DropReason},
    {"sim.flow", Fact::Flow},                {"sim.journey", Fact::Journey},
    {"sim.packet", Fact::Packet},            {"sim.place", Fact::Place},
    {"sim.stage", Fact::Stage},              {"sim.table", Fact::Table},
    {"sim.time", Fact::Time},                {"sim.verdict", Fact::Verdict}};

Fact FactOf(std::string_view name) {
  const auto* it = std::find_if(std::begin(kFacts), std::end(kFacts), [&](const auto& f) { return f.first == name; });
  return it == std::end(kFacts) ? Fact::None : it->second;
}
bool IsToldByBytes(Fact fact) {
  return fact == Fact::None || fact == Fact::FrameProtocols || (fact >= Fact::SourceNode && fact <= Fact::DestinationPod);
}

std::string Decimal(uint64_t number) { return fmt::format("{}", number); }

/// Hands each value of the field that the row has to `take`, until that answers true.
template <typename Take>
bool AnyValue(Fact fact, std::string_view name, const FilterSubject& subject, Take&& take) {
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
  for (const Layer& layer : subject.packet->layers)
    for (const Field& field : layer.fields)
      if (field.name == name && take(field.value)) return true;
  return false;
}

struct Token {
  enum class Kind : uint8_t { End, Word, Text, Symbol, Bad } kind = Kind::End;
  std::string text;
  size_t begin = 0, length = 0;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : m_text(text) {}

  Token Next() {
    while (m_at < m_text.size() && IsBlank(m_text[m_at])) ++m_at;
    Token token;
    token.begin = m_at;
    if (m_at == m_text.size()) return token;
    const char c = m_text[m_at];
    if (c == '"') return Quoted();
    for (const std::string_view symbol : {"==", "!=", "<=", ">=", "&&", "||"})
      if (m_text.substr(m_at).starts_with(symbol)) return Take(Token::Kind::Symbol, symbol.size());
    if (std::string_view("()!<>{},~").find(c) != std::string_view::npos) return Take(Token::Kind::Symbol, 1);
    size_t size = 0;
    while (m_at + size < m_text.size() && IsWord(m_text[m_at + size])) ++size;
    return size == 0 ? Take(Token::Kind::Bad, 1) : Take(Token::Kind::Word, size);
  }

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool IsWord(char c) {
    return static_cast<unsigned char>(c) > ' ' && std::string_view("()!=<>{},~\"&|").find(c) == std::string_view::npos;
  }
  Token Take(Token::Kind kind, size_t size) {
    Token token{kind, std::string(m_text.substr(m_at, size)), m_at, size};
    m_at += size;
    return token;
  }
  Token Quoted() {
    Token token{Token::Kind::Text, "", m_at, 0};
    for (++m_at; m_at < m_text.size(); ++m_at) {
      const char c = m_text[m_at];
      if (c == '"') {
        token.length = ++m_at - token.begin;
        return token;
      }
      if (c == '\\' && m_at + 1 < m_text.size() && (m_text[m_at + 1] == '"' || m_text[m_at + 1] == '\\')) ++m_at;
      token.text += m_text[m_at];
    }
    token.kind = Token::Kind::Bad;
    token.length = m_at - token.begin;
    return token;
  }

  std::string_view m_text;
  size_t m_at = 0;
};

std::string DidYouMean(const std::vector<std::string_view>& names) {
  if (names.empty()) return {};
  std::string text = "; did you mean ";
  for (size_t i = 0; i < names.size(); ++i)
    text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  return text + "?";
}

}  // namespace

struct Filter::Node {
  enum class Kind : uint8_t { And, Or, Not, Exists, Compare } kind = Kind::Exists;
  std::shared_ptr<const Node> left, right;
  const FieldInfo* field = nullptr;
  std::vector<std::pair<std::string_view, Fact>> sources;  ///< where its values come from
  Op op = Op::Equal;
  std::vector<std::pair<Value, Value>> values;  ///< one; of `in` each with its range's end (or itself)
  std::shared_ptr<const Pattern> pattern;

  bool Matches(const FilterSubject& subject) const {
    switch (kind) {
      case Kind::And:
        return left->Matches(subject) && right->Matches(subject);
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
  template <typename Take>
  bool Any(const FilterSubject& subject, Take&& take) const {
    return std::any_of(sources.begin(), sources.end(),
                       [&](const auto& source) { return AnyValue(source.second, source.first, subject, take); });
  }
  bool Exists(const FilterSubject& subject) const {
    if (field->kind == FieldKind::Protocol)
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
    switch (field->kind) {
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
    if (op == Op::Contains) return Lower(text).find(Lower(values[0].first.text)) != std::string::npos;
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
    return true;
  }

 private:
  void Advance() { m_token = m_lexer.Next(); }
  NodePtr Fail(std::string message) { return FailAt(m_token, std::move(message)); }
  NodePtr FailAt(const Token& token, std::string message) {
    m_error = {token.begin, token.length, std::move(message)};
    return nullptr;
  }
  bool Is(std::string_view symbol, std::string_view word) const {
    return (m_token.kind == Token::Kind::Symbol && m_token.text == symbol) ||
           (m_token.kind == Token::Kind::Word && Lower(m_token.text) == word);
  }

  NodePtr Or(int depth) { return Chain(depth, Node::Kind::Or); }
  /// Operands and their operator, one after the other; `and` binds closer than `or`.
  NodePtr Chain(int depth, Node::Kind kind) {
    const bool isOr = kind == Node::Kind::Or;
    NodePtr left = isOr ? Chain(depth, Node::Kind::And) : Not(depth);
    int count = 0;
    while (left && (isOr ? Is("||", "or") : Is("&&", "and"))) {
      if (++count > kMaxDepth) return Fail("the filter is too long");
      Advance();
      auto node = std::make_shared<Node>();
      node->kind = kind;
      node->left = std::move(left);
      node->right = isOr ? Chain(depth, Node::Kind::And) : Not(depth);
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
    const FieldInfo* field = FindField(Lower(m_token.text));
    if (const size_t slice = m_token.text.find('['); !field && slice != std::string::npos) {
      Token at = m_token;
      at.begin += slice;
      at.length -= slice;
      return FailAt(at,
                    "slices are not supported yet; a beginning is found by matches, as in eth.src matches \"^02:00\"");
    }
    if (!field)
      return Fail(fmt::format("there is no field \"{}\"{}", m_token.text, DidYouMean(SimilarFields(Lower(m_token.text)))));
    auto node = std::make_shared<Node>();
    node->field = field;
    for (const std::string_view name : FieldsBehind(*field)) {
      const Fact fact = FactOf(name);
      node->sources.emplace_back(name, fact);
      m_needsPacket |= IsToldByBytes(fact);
    }
    m_needsPacket |= field->name == "sim.drop.reason";
    const Token name = m_token;
    Advance();
    const auto op = CurrentOp();
    if (!op) {
      if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
      return node;
    }
    if (field->kind == FieldKind::Protocol)
      return FailAt(name, fmt::format("{} is there or not: name it alone, or one of its fields", field->name));
    node->kind = Node::Kind::Compare;
    node->op = *op;
    Advance();
    if (*op == Op::In) return Set(std::move(node));
    if (m_token.kind == Token::Kind::End) return Fail(fmt::format("a value is missing, {}", Example(*field)));
    if (m_token.kind == Token::Kind::Bad) return Fail(BadToken());
    if (m_token.kind == Token::Kind::Symbol)
      return Fail(fmt::format("\"{}\" cannot stand here; a value is expected, {}", m_token.text, Example(*field)));
    if (*op == Op::Matches) {
      if (m_token.text.size() > kMaxPattern || m_token.text.find_first_of("{\\") != std::string::npos)
        return Fail(fmt::format("a pattern has at most {} characters, and neither {{ nor \\", kMaxPattern));
      auto pattern = std::make_shared<Pattern>(m_token.text);
      if (!pattern->Error().empty()) return Fail(fmt::format("no regular expression: {}", pattern->Error()));
      node->pattern = std::move(pattern);
    } else {
      Value value;
      if (!Understand(*field, *op, m_token.text, value)) return nullptr;
      node->values.emplace_back(value, value);
    }
    Advance();
    return node;
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
      if (!Understand(*node->field, Op::In, m_token.text.substr(0, dots), low)) return nullptr;
      high = low;
      if (dots != std::string::npos && !Understand(*node->field, Op::In, m_token.text.substr(dots + 2), high)) return nullptr;
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
    if (m_token.length > 0 && !m_token.text.empty() && (m_token.text == "=" || m_token.text == "&" || m_token.text == "|"))
      return fmt::format(
          "say {0}{0} instead of {0}{1}", m_token.text,
          m_token.text == "&" ? "; bits are not tested yet, but have fields, say tcp.flags.syn == 1" : "");
    return m_token.text.size() == 1 && m_token.length == 1 ? fmt::format("\"{}\" cannot stand here", m_token.text)
                                                          : std::string("the text's closing quotation mark is missing");
  }

  static std::string_view Example(const FieldInfo& field) {
    switch (field.kind) {
      case FieldKind::Address:
        return field.name.starts_with("ipv6") || field.name.starts_with("icmpv6") ? "say fd00::1 or fd00::/64"
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
        return "say 08:00";
      default:
        return "say \"shop/cart\"";
    }
  }

  bool Understand(const FieldInfo& field, Op op, const std::string& text, Value& value) {
    value.text = text;
    bool isGood = true;
    if (op == Op::Contains) return true;
    switch (field.kind) {
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
        isGood = ParseInteger(text, value.number) || ParseWithUnit(text, kSizeUnits, value.number);
        break;
      case FieldKind::Time:
        isGood = text == "0" || ParseWithUnit(text, kTimeUnits, value.number) ||
                 (field.name == "frame.time_relative" && ParseWithUnit(text + "s", kTimeUnits, value.number));
        if (!isGood && ParseWithUnit(text + "s", kTimeUnits, value.number))
          return Fail(fmt::format("{} has no unit; {}", text, Example(field))) != nullptr;
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
        value.text = Lower(text);
        break;
      default:
        if (op == Op::Equal || op == Op::NotEqual || op == Op::In) return IsWordOf(field, text);
        return true;
    }
    if (!isGood) Fail(fmt::format("\"{}\" is no value of {}; {}", text, field.name, Example(field)));
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
  bool m_needsPacket = false;
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
                                        std::pair{"matches", "regular expression"}, std::pair{"in", "one of {…}"},
                                        std::pair{"&&", "and"}, std::pair{"||", "or"}})
      add(name, meaning);
    return completions;
  }
  // Names that begin so stand before those that have it in them.
  for (const bool isBeginning : {true, false})
    for (const FieldInfo& info : KnownFields())
      if (info.name.starts_with(typed) == isBeginning) add(info.name, info.meaning);
  return completions;
}

}  // namespace overlaysim::replay
