// The language of nft (src/scanner.l, src/parser_bison.y of nftables 1.0.6), and its commands on a namespace's tables.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "models/linux/namespace.h"
#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/nft.h"
#include "sim/iproute2/nft_words.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::ChainType;
using kernel::FilterChain;
using kernel::FilterFamily;
using kernel::FilterRule;
using kernel::FilterSet;
using kernel::FilterTable;
using kernel::Hook;
using kernel::Match;
using kernel::Namespace;
using kernel::Target;
using kernel::ValueMatch;
using kernel::ValueSet;

namespace {

constexpr uint8_t kTcp = 6, kUdp = 17;
constexpr size_t kDeepestNesting = 16;
constexpr const char* kNoSuchFile = "Could not process rule: No such file or directory";
constexpr const char* kNotAllowed = "Could not process rule: Operation not supported";

struct Token {
  enum class Kind : uint8_t { Word, Quoted, Symbol, EndOfLine, End } kind = Kind::End;
  std::string text;
  size_t line = 1, column = 1, length = 1;
};

/// Thrown to end the reading.
struct Refused {
  NftProblem problem;
};

[[noreturn]] void Refuse(const Token& at, std::string text) {
  throw Refused{{at.line, at.column, std::max<size_t>(at.length, 1), std::move(text)}};
}
[[noreturn]] void NotYet(const Token& at, std::string_view what) {
  Refuse(at, fmt::format("{} is not supported yet", what));
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_.:/*+-").find(c) != std::string_view::npos;
}

std::vector<Token> Tokens(std::string_view text) {
  std::vector<Token> out;
  size_t line = 1, lineStart = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    Token token{Token::Kind::Symbol, std::string(1, c), line, at - lineStart + 1, 1};
    if (c == '\\' && at + 1 < text.size() && text[at + 1] == '\n') {
      at += 2;
      ++line;
      lineStart = at;
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    size_t end = at + 1;
    if (c == '\n') {
      token.kind = Token::Kind::EndOfLine;
      token.text = "newline";
      ++line;
      lineStart = end;
    } else if (c == '"') {
      end = text.find_first_of("\"\n", end);
      if (end == std::string_view::npos || text[end] == '\n') Refuse(token, "syntax error, unexpected junk");
      token.kind = Token::Kind::Quoted;
      token.text = std::string(text.substr(at + 1, end - at - 1));
      ++end;
    } else if (IsWordCharacter(c)) {
      while (end < text.size() && IsWordCharacter(text[end])) ++end;
      token.kind = Token::Kind::Word;
      token.text = std::string(text.substr(at, end - at));
    } else if ((c == '!' || c == '=' || c == '<' || c == '>') && end < text.size() && text[end] == '=') {
      token.text = std::string(text.substr(at, 2));
      ++end;
    }
    token.length = end - at;
    out.push_back(std::move(token));
    at = end;
  }
  out.push_back({Token::Kind::End, "end of file", line, text.size() - lineStart + 1, 1});
  return out;
}

struct TableName {
  FilterFamily family = FilterFamily::Ip;
  Token name;
};

class Reader {
 public:
  Reader(Namespace& ns, std::string_view text, const NftListOptions& options, NftOutput& output)
      : m_ns(ns), m_tokens(Tokens(text)), m_options(options), m_output(output) {}

  void Run() {
    while (true) {
      SkipSeparators();
      if (Peek().kind == Token::Kind::End) return;
      Command();
      if (!IsSeparator(Peek()) && Peek().kind != Token::Kind::End) Unexpected();
    }
  }

 private:
  // ---- tokens
  const Token& Peek() const { return m_tokens[m_at]; }
  Token Next() {
    if (Peek().text == "$" && Peek().kind == Token::Kind::Symbol) Expand();
    Token token = Peek();
    if (token.kind != Token::Kind::End) ++m_at;
    return token;
  }
  /// Puts what a `$name` stands for in its place.
  void Expand() {
    const Token name = m_tokens[m_at + 1];
    const auto variable = m_variables.find(name.text);
    if (variable == m_variables.end()) Refuse(name, fmt::format("unknown identifier '{}'", name.text));
    if (m_tokens.size() + variable->second.size() > kMostTokens) Refuse(name, "too much text");
    const auto at = m_tokens.begin() + static_cast<std::ptrdiff_t>(m_at);
    m_tokens.erase(at, at + 2);
    m_tokens.insert(m_tokens.begin() + static_cast<std::ptrdiff_t>(m_at), variable->second.begin(),
                    variable->second.end());
  }
  /// This token and the one behind it, as one place.
  Token WithNext() const {
    Token token = Peek();
    if (const Token& next = m_tokens[m_at + 1]; next.line == token.line && next.column > token.column)
      token.length = next.column + next.length - token.column;
    return token;
  }
  bool IsNext(std::string_view text) const {
    return Peek().text == text && (Peek().kind == Token::Kind::Word || Peek().kind == Token::Kind::Symbol);
  }
  bool Take(std::string_view text) {
    if (!IsNext(text)) return false;
    ++m_at;
    return true;
  }
  static bool IsSeparator(const Token& token) {
    return token.kind == Token::Kind::EndOfLine || (token.kind == Token::Kind::Symbol && token.text == ";");
  }
  void SkipSeparators() {
    while (IsSeparator(Peek())) ++m_at;
  }
  void SkipLines() {
    while (Peek().kind == Token::Kind::EndOfLine) ++m_at;
  }
  [[noreturn]] void Unexpected(std::string_view expected = {}) const {
    const Token& token = Peek();
    const std::string what = token.kind == Token::Kind::Word     ? "string"
                             : token.kind == Token::Kind::Quoted ? "quoted string"
                             : token.kind == Token::Kind::Symbol ? "'" + token.text + "'"
                                                                 : token.text;
    Refuse(token, expected.empty() ? fmt::format("syntax error, unexpected {}", what)
                                   : fmt::format("syntax error, unexpected {}, expecting {}", what, expected));
  }
  void Expect(std::string_view text) {
    if (!Take(text)) Unexpected(fmt::format("'{}'", text));
  }
  Token Word(std::string_view expected = "string") {
    if (Peek().text == "$" && Peek().kind == Token::Kind::Symbol) Expand();
    if (Peek().kind != Token::Kind::Word) Unexpected(expected);
    return Next();
  }
  std::string Text() {
    if (Peek().kind != Token::Kind::Quoted && Peek().kind != Token::Kind::Word) Unexpected("quoted string");
    return Next().text;
  }
  uint64_t Number(uint64_t max) {
    const Token token = Word();
    const auto number = ParseNumber(token.text, max);
    if (!number) Refuse(token, fmt::format("\"{}\" is no number up to {}", token.text, max));
    return *number;
  }

  // ---- tables
  TableName ReadTable() {
    TableName out;
    static constexpr std::pair<const char*, FilterFamily> kFamilies[] = {
        {"ip", FilterFamily::Ip}, {"ip6", FilterFamily::Ip6}, {"inet", FilterFamily::Inet}};
    for (const auto& [name, family] : kFamilies)
      if (Take(name)) {
        out.family = family;
        out.name = Word();
        return out;
      }
    for (const char* other : {"arp", "bridge", "netdev"})
      if (IsNext(other)) NotYet(Peek(), fmt::format("the family {}", other));
    out.name = Word();
    return out;
  }
  FilterTable& Need(const TableName& name, const char* text = kNoSuchFile) {
    FilterTable* table = m_ns.netfilter.Find(name.family, name.name.text);
    if (!table) Refuse(name.name, text);
    return *table;
  }
  static FilterChain& NeedChain(FilterTable& table, const Token& name) {
    FilterChain* chain = table.Find(name.text);
    if (!chain) Refuse(name, kNoSuchFile);
    return *chain;
  }
  static FilterSet& NeedSet(FilterTable& table, const Token& name) {
    FilterSet* set = table.FindSet(name.text);
    if (!set) Refuse(name, "No such file or directory");
    return *set;
  }
  FilterSet& ReadSet(const char* withoutTable) {
    FilterTable& table = Need(ReadTable(), withoutTable);
    return NeedSet(table, Word());
  }
  FilterTable& Make(const TableName& name, bool mustBeNew) {
    FilterTable* table = m_ns.netfilter.Find(name.family, name.name.text);
    if (table && mustBeNew) Refuse(name.name, "Could not process rule: File exists");
    return table ? *table : m_ns.netfilter.Add(name.family, name.name.text);
  }

  // ---- commands
  void Command() {
    static constexpr std::pair<const char*, void (Reader::*)()> kCommands[] = {
        {"define", &Reader::Define},        {"redefine", &Reader::Define},
        {"add", &Reader::AddCommand},       {"create", &Reader::CreateCommand},
        {"insert", &Reader::InsertCommand}, {"delete", &Reader::Delete},
        {"flush", &Reader::Flush},          {"list", &Reader::List}};
    for (const auto& [name, command] : kCommands)
      if (Take(name)) return (this->*command)();
    for (const char* other :
         {"include", "replace", "rename", "reset", "monitor", "export", "import", "describe", "undefine", "destroy"})
      if (IsNext(other)) NotYet(Peek(), fmt::format("\"{}\"", other));
    if (Take("table")) return TableBlock(false);
    for (const char* object : {"chain", "rule", "set", "element"})
      if (IsNext(object)) return Add(false, false);
    Unexpected();
  }
  void Define() {
    const std::string name = Word().text;
    Expect("=");
    std::vector<Token> value;
    size_t depth = 0;
    while (Peek().kind != Token::Kind::End && (depth > 0 || !IsSeparator(Peek()))) {
      Token token = Next();
      if (token.kind == Token::Kind::Symbol && token.text == "{") ++depth;
      if (token.kind == Token::Kind::Symbol && token.text == "}" && depth > 0) --depth;
      if (token.kind != Token::Kind::EndOfLine) value.push_back(std::move(token));
    }
    if (value.empty()) Unexpected();
    m_variables[name] = std::move(value);
  }
  void AddCommand() { Add(false, false); }
  void CreateCommand() { Add(true, false); }
  void InsertCommand() { Add(false, true); }

  void Add(bool mustBeNew, bool inserts) {
    if (inserts && !IsNext("rule")) Unexpected("rule");
    if (Take("table")) return TableBlock(mustBeNew);
    if (Take("chain")) {
      FilterTable& table = Need(ReadTable(), "No such file or directory");
      return ChainBlock(table, mustBeNew);
    }
    if (Take("set")) {
      FilterTable& table = Need(ReadTable(), "No such file or directory");
      return SetBlock(table, mustBeNew);
    }
    if (Take("element")) {
      FilterSet& set = ReadSet("No such file or directory");
      return ReadElements(FieldOf(set.type), set.values, 0);
    }
    if (Take("rule")) {
      FilterTable& table = Need(ReadTable(), "No such file or directory");
      FilterChain& chain = NeedChain(table, Word());
      for (const char* place : {"handle", "index", "position"})
        if (IsNext(place)) NotYet(Peek(), fmt::format("\"{}\"", place));
      return ReadRule(table, chain, inserts);
    }
    for (const char* other : {"map", "counter", "quota", "limit", "flowtable", "ct", "secmark", "synproxy"})
      if (IsNext(other)) NotYet(Peek(), fmt::format("\"{}\"", other));
    FilterTable& table = Need(ReadTable(), "No such file or directory");  // the word "rule" may be left out
    ReadRule(table, NeedChain(table, Word()), inserts);
  }
  void TableBlock(bool mustBeNew) {
    FilterTable& table = Make(ReadTable(), mustBeNew);
    if (!Take("{")) return;
    while (true) {
      SkipSeparators();
      if (Take("}")) return;
      if (Take("chain"))
        ChainBlock(table, false);
      else if (Take("set"))
        SetBlock(table, false);
      else if (IsNext("map") || IsNext("flags") || IsNext("flowtable") || IsNext("counter") || IsNext("limit") ||
               IsNext("ct") || IsNext("quota") || IsNext("comment"))
        NotYet(Peek(), fmt::format("\"{}\" in a table", Peek().text));
      else
        Unexpected();
    }
  }

  // ---- chains
  static void MoveToEnd(FilterTable& table, const FilterChain* chain) {
    const auto at =
        std::find_if(table.chains.begin(), table.chains.end(), [&](const auto& c) { return c.get() == chain; });
    std::rotate(at, at + 1, table.chains.end());
  }
  void ChainBlock(FilterTable& table, bool mustBeNew) {
    const Token name = Word();
    FilterChain* chain = table.Find(name.text);
    if (chain && mustBeNew) Refuse(name, "Could not process rule: File exists");
    if (!chain) chain = &table.Add({.name = name.text});
    if (m_named.erase(chain) != 0) MoveToEnd(table, chain);
    if (!Take("{")) return;
    while (true) {
      SkipSeparators();
      if (Take("}")) return;
      if (Take("type"))
        ReadHook(name, *chain);
      else if (Take("policy"))
        ReadPolicy(*chain);
      else if (IsNext("comment"))
        NotYet(Peek(), "a chain's comment");
      else
        ReadRule(table, *chain, false);
      if (!IsSeparator(Peek()) && !IsNext("}")) Unexpected("newline or semicolon");
    }
  }
  void ReadHook(const Token& name, FilterChain& chain) {
    static constexpr std::pair<const char*, ChainType> kTypes[] = {
        {"filter", ChainType::Filter}, {"nat", ChainType::Nat}, {"route", ChainType::Reroute}};
    static constexpr std::pair<const char*, Hook> kHooks[] = {{"prerouting", Hook::Prerouting},
                                                              {"input", Hook::Input},
                                                              {"forward", Hook::Forward},
                                                              {"output", Hook::Output},
                                                              {"postrouting", Hook::Postrouting}};
    const Token typeWord = Word();
    const auto type =
        std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) { return typeWord.text == t.first; });
    if (type == std::end(kTypes)) Refuse(typeWord, "unknown chain type");
    Expect("hook");
    const Token hookWord = Word();
    if (hookWord.text == "ingress" || hookWord.text == "egress") NotYet(hookWord, "the hook " + hookWord.text);
    const auto hook =
        std::find_if(std::begin(kHooks), std::end(kHooks), [&](auto& h) { return hookWord.text == h.first; });
    if (hook == std::end(kHooks)) Refuse(hookWord, "unknown chain hook");
    if ((type->second == ChainType::Reroute && hook->second != Hook::Output) ||
        (type->second == ChainType::Nat && hook->second == Hook::Forward))
      Refuse(hookWord, kNotAllowed);
    if (IsNext("device") || IsNext("devices")) NotYet(Peek(), "a device of a chain");
    Expect("priority");
    const int priority = ReadPriority(hook->second);
    if (chain.hook && (*chain.hook != hook->second || chain.type != type->second || chain.priority != priority))
      Refuse(name, "Could not process rule: File exists");
    if (!chain.hook && !chain.rules.empty()) Refuse(name, "Could not process rule: File exists");
    chain.hook = hook->second;
    chain.type = type->second;
    chain.priority = priority;
  }
  int ReadPriority(Hook hook) {
    const Token word = Word();
    auto number = [](const std::string& text) -> std::optional<int> {
      const bool isNegative = !text.empty() && text[0] == '-';
      const auto value = ParseNumber(std::string_view(text).substr(isNegative || text[0] == '+' ? 1 : 0), INT32_MAX);
      if (!value) return std::nullopt;
      return isNegative ? -static_cast<int>(*value) : static_cast<int>(*value);
    };
    if (const auto plain = number(word.text)) return *plain;
    const size_t sign = word.text.find_first_of("+-");
    const NftWords::Priority* named = NftWords::FindPriority(word.text.substr(0, sign));
    if (!named || (named->onlyAt && *named->onlyAt != hook))
      Refuse(word, fmt::format("'{}' is invalid priority in this context.", word.text));
    if (sign != std::string::npos)
      if (const auto offset = number(word.text.substr(sign))) return named->value + *offset;
    if (!IsNext("+") && !IsNext("-")) return named->value;
    const bool isMinus = Next().text == "-";
    const int offset = static_cast<int>(Number(INT32_MAX));
    return named->value + (isMinus ? -offset : offset);
  }
  void ReadPolicy(FilterChain& chain) {
    const Token word = Word();
    if (word.text != "accept" && word.text != "drop") Refuse(word, fmt::format("invalid policy {}", word.text));
    if (!chain.hook) Refuse(word, kNotAllowed);
    chain.drops = word.text == "drop";
  }

  // ---- sets
  static ValueMatch::Field FieldOf(FilterSet::Type type) {
    using Field = ValueMatch::Field;
    static constexpr Field kFields[] = {Field::Source, Field::Source6, Field::DestinationPort, Field::Protocol,
                                        Field::InDevice};
    return kFields[static_cast<size_t>(type)];
  }
  void SetBlock(FilterTable& table, bool mustBeNew) {
    static constexpr std::pair<const char*, FilterSet::Type> kTypes[] = {{"ipv4_addr", FilterSet::Type::Address},
                                                                         {"ipv6_addr", FilterSet::Type::Address6},
                                                                         {"inet_service", FilterSet::Type::Service},
                                                                         {"inet_proto", FilterSet::Type::Protocol},
                                                                         {"ifname", FilterSet::Type::DeviceName}};
    const Token name = Word();
    FilterSet* there = table.FindSet(name.text);
    if (there && mustBeNew) Refuse(name, "Could not process rule: File exists");
    FilterSet set = there ? *there : FilterSet{.name = name.text};
    bool hasType = there != nullptr;
    Expect("{");
    while (true) {
      SkipSeparators();
      if (Take("}")) break;
      if (Take("type")) {
        const Token word = Word();
        const auto type =
            std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) { return word.text == t.first; });
        if (type == std::end(kTypes)) NotYet(word, fmt::format("a set of type {}", word.text));
        if (!IsSeparator(Peek())) NotYet(Peek(), "a set of several fields");
        if (there && there->type != type->second) Refuse(name, "Could not process rule: File exists");
        set.type = type->second;
        hasType = true;
      } else if (Take("flags")) {
        do {
          const Token word = Word();
          if (word.text == "constant") continue;
          if (word.text != "interval") NotYet(word, fmt::format("the flag {}", word.text));
          set.hasIntervals = true;
        } while (Take(","));
      } else if (Take("auto-merge")) {
        set.merges = true;
      } else if (Take("elements")) {
        Expect("=");
        if (!hasType) Refuse(name, "set definition does not specify key");
        ReadElements(FieldOf(set.type), set.values, 0);
      } else if (IsNext("timeout") || IsNext("size") || IsNext("policy") || IsNext("typeof") || IsNext("comment") ||
                 IsNext("gc-interval")) {
        NotYet(Peek(), fmt::format("\"{}\" of a set", Peek().text));
      } else {
        Unexpected();
      }
    }
    if (!hasType) Refuse(name, "set definition does not specify key");
    if (there)
      *there = std::move(set);
    else
      table.sets.push_back(std::move(set));
  }
  /// "{ a, b }", with what variables stand for inside.
  void ReadElements(ValueMatch::Field field, ValueSet& values, size_t depth) {
    if (Peek().text == "$" && Peek().kind == Token::Kind::Symbol) Expand();
    if (depth > kDeepestNesting) Refuse(Peek(), "too many braces");
    Expect("{");
    SkipLines();
    while (!Take("}")) {
      if (Peek().text == "$" && Peek().kind == Token::Kind::Symbol) Expand();
      if (IsNext("{"))
        ReadElements(field, values, depth + 1);
      else
        ReadValue(field, values);
      SkipLines();
      if (IsNext(".")) NotYet(Peek(), "a concatenation");
      if (!Take(",") && !IsNext("}")) Unexpected("comma or '}'");
      SkipLines();
    }
  }

  // ---- values
  static kernel::FilterNumber One(ValueMatch::Field field, const Token& at, const std::string& word) {
    using Field = ValueMatch::Field;
    switch (field) {
      case Field::Source:
      case Field::Destination: {
        const auto address = Ipv4Address::Parse(word);
        if (!address) Refuse(at, "Could not resolve hostname: Name or service not known");
        return address->value;
      }
      case Field::Source6:
      case Field::Destination6: {
        const auto address = Ipv6Address::Parse(word);
        if (!address)
          Refuse(at, Ipv4Address::Parse(word) ? "Could not resolve hostname: Address family for hostname not supported"
                                              : "Could not resolve hostname: Name or service not known");
        return kernel::FilterNumber(*address);
      }
      case Field::NextHeader:
      case Field::IpProtocol:
      case Field::Protocol: {
        const auto protocol = ParseIpProtocol(word);
        if (!protocol) Refuse(at, "Could not resolve protocol name");
        return *protocol;
      }
      case Field::SourcePort:
      case Field::DestinationPort: {
        if (const auto number = ParseNumber(word, UINT32_MAX); number && *number > UINT16_MAX)
          Refuse(at, "Service out of range");
        const auto port = ParseService(word);
        if (!port) Refuse(at, "Could not resolve service: Servname not supported for ai_socktype");
        return *port;
      }
      case Field::IcmpType:
      case Field::IcmpCode: {
        if (const auto named = field == Field::IcmpType ? NftWords::IcmpType(word) : NftWords::IcmpCode(word))
          return *named;
        const auto number = ParseNumber(word, UINT8_MAX);
        if (!number)
          Refuse(at, fmt::format("Could not parse {}", field == Field::IcmpType ? "ICMP type" : "ICMP code"));
        return *number;
      }
      case Field::Icmp6Type:
      case Field::Icmp6Code: {
        const bool isType = field == Field::Icmp6Type;
        if (const auto named = isType ? NftWords::Icmp6Type(word) : NftWords::Icmp6Code(word)) return *named;
        const auto number = ParseNumber(word, UINT8_MAX);
        if (!number) Refuse(at, fmt::format("Could not parse {}", isType ? "ICMPv6 type" : "ICMPv6 code"));
        return *number;
      }
      default:
        return 0;
    }
  }
  static bool IsDevice(ValueMatch::Field field) {
    using Field = ValueMatch::Field;
    return field == Field::InDevice || field == Field::OutDevice || field == Field::InIndex || field == Field::OutIndex;
  }
  /// One element: a value, a prefix or a range.
  void ReadValue(ValueMatch::Field field, ValueSet& values) {
    if (Peek().kind != Token::Kind::Word && Peek().kind != Token::Kind::Quoted) Unexpected();
    const Token token = Next();
    const std::string& word = token.text;
    if (IsDevice(field)) {
      if (word.empty() || word.size() > 16) Refuse(token, "String exceeds maximum length of 16");
      const bool byIndex = field == ValueMatch::Field::InIndex || field == ValueMatch::Field::OutIndex;
      if (byIndex && !m_ns.FindLink(word)) Refuse(token, "Interface does not exist");
      return values.Add(word);
    }
    const bool isOfIpv6 = field == ValueMatch::Field::Source6 || field == ValueMatch::Field::Destination6;
    if (isOfIpv6 && word.find('/') != std::string::npos) {
      const auto prefix = Ipv6Prefix::Parse(word);
      if (!prefix) Refuse(token, fmt::format("\"{}\" is no prefix", word));
      return values.Add(kernel::RangeOf(*prefix));
    }
    if (word.find('/') != std::string::npos) {
      const auto prefix = Ipv4Prefix::Parse(word);
      const bool isAddress = field == ValueMatch::Field::Source || field == ValueMatch::Field::Destination;
      if (!prefix || !isAddress) Refuse(token, fmt::format("\"{}\" is no prefix", word));
      const uint32_t first = prefix->Canonical().address.value;
      const auto hosts = static_cast<uint32_t>((uint64_t{1} << (32 - prefix->length)) - 1);
      return values.Add(ValueSet::Range{first, first | hosts});
    }
    // A name may have a '-' in it; a range is of two that can be read.
    const bool mayBeRange = isOfIpv6 || std::isdigit(static_cast<unsigned char>(word[0]));
    const size_t dash = mayBeRange ? word.find('-') : std::string::npos;
    const kernel::FilterNumber first = One(field, token, word.substr(0, dash));
    const kernel::FilterNumber last = dash == std::string::npos ? first : One(field, token, word.substr(dash + 1));
    if (first > last) Refuse(token, "Range has zero or negative size");
    values.Add(ValueSet::Range{first, last});
  }
  bool TakeNot() {
    if (Take("!=")) return true;
    Take("==");
    for (const char* other : {"<", ">", "<=", ">="})
      if (IsNext(other)) NotYet(Peek(), fmt::format("the comparison {}", other));
    return false;
  }
  void ReadMatch(const FilterTable& table, FilterRule& rule, ValueMatch::Field field, uint8_t protocol = 0) {
    ValueMatch match{.field = field, .protocol = protocol};
    match.isNot = TakeNot();
    if (Peek().text == "$" && Peek().kind == Token::Kind::Symbol) Expand();
    if (IsNext(".")) NotYet(Peek(), "a concatenation");
    if (IsNext("vmap") || IsNext("map")) NotYet(Peek(), "a map");
    if (IsNext("&") || IsNext("and")) NotYet(Peek(), "arithmetic on this field");
    if (Take("@")) {
      const Token name = Word();
      const FilterSet* set = table.FindSet(name.text);
      if (!set) Refuse(name, "No such file or directory");
      if (KindOf(FieldOf(set->type)) != KindOf(field))
        Refuse(name, fmt::format("datatype mismatch: set {} holds something else", name.text));
      match.set = name.text;
    } else if (IsNext("{")) {
      ReadElements(field, match.values, 0);
      if (match.values.ranges.empty() && match.values.names.empty()) Unexpected();
    } else {
      ReadValue(field, match.values);
    }
    rule.matches.emplace_back(std::move(match));
  }
  /// Fields of one kind have values of one kind.
  static int KindOf(ValueMatch::Field field) {
    using Field = ValueMatch::Field;
    switch (field) {
      case Field::Source:
      case Field::Destination:
        return 0;
      case Field::Source6:
      case Field::Destination6:
        return 5;
      case Field::IpProtocol:
      case Field::NextHeader:
      case Field::Protocol:
        return 1;
      case Field::SourcePort:
      case Field::DestinationPort:
        return 2;
      case Field::InDevice:
      case Field::OutDevice:
        return 3;
      default:
        return 4;
    }
  }

  // ---- rules
  void ReadRule(FilterTable& table, FilterChain& chain, bool inserts) {
    const Token start = Peek();
    FilterRule rule{.byNft = true};
    std::string comment;
    std::optional<Token> ended;
    while (!IsSeparator(Peek()) && Peek().kind != Token::Kind::End && !IsNext("}")) {
      const Token token = Peek();
      if (Take("comment")) {
        comment = Text();
        continue;
      }
      if (ended) Refuse(token, "Statement after terminal statement has no effect");
      if (TakeVerdict(table, chain, rule, token)) {
        ended = token;
      } else if (!TakeStatement(rule) && !TakeExpression(table, rule)) {
        if (token.kind == Token::Kind::Word && m_tokens[m_at + 1].kind == Token::Kind::Word)
          Refuse(token, fmt::format("\"{}\" is no statement and no expression that is supported", token.text));
        Unexpected();
      }
    }
    if (rule.matches.empty() && rule.target.kind == Target::Kind::None) Unexpected();
    if (!comment.empty()) rule.matches.emplace_back(kernel::Comment{comment});
    CheckTarget(table, chain, rule, start);
    rule.rowId = m_ns.NextRowId();
    chain.rules.insert(inserts ? chain.rules.begin() : chain.rules.end(), std::move(rule));
  }
  static void CheckTarget(const FilterTable& table, const FilterChain& chain, const FilterRule& rule, const Token& at) {
    auto only = [&](ChainType type, std::initializer_list<Hook> hooks) {
      if (chain.hook && (chain.type != type || std::find(hooks.begin(), hooks.end(), *chain.hook) == hooks.end()))
        Refuse(at, kNotAllowed);
    };
    switch (rule.target.kind) {
      case Target::Kind::Masquerade:
        return only(ChainType::Nat, {Hook::Postrouting});
      case Target::Kind::Snat:
        return only(ChainType::Nat, {Hook::Postrouting, Hook::Input});
      case Target::Kind::Dnat:
      case Target::Kind::Redirect:
        return only(ChainType::Nat, {Hook::Prerouting, Hook::Output});
      case Target::Kind::Jump:
      case Target::Kind::Goto:
        if (table.Find(rule.target.chain)->hook) Refuse(at, kNotAllowed);
        if (LeadsTo(table, rule.target.chain, chain.name)) Refuse(at, "Could not process rule: Too many links");
        return;
      default:
        return;
    }
  }
  static bool LeadsTo(const FilterTable& table, const std::string& from, const std::string& to) {
    if (from == to) return true;
    const FilterChain* chain = table.Find(from);
    return chain && std::any_of(chain->rules.begin(), chain->rules.end(), [&](const FilterRule& r) {
             return !r.target.chain.empty() && LeadsTo(table, r.target.chain, to);
           });
  }

  bool TakeVerdict(FilterTable& table, const FilterChain&, FilterRule& rule, const Token& token) {
    Target& target = rule.target;
    static constexpr std::pair<const char*, Target::Kind> kVerdicts[] = {
        {"accept", Target::Kind::Accept}, {"drop", Target::Kind::Drop}, {"return", Target::Kind::Return}};
    for (const auto& [word, kind] : kVerdicts)
      if (Take(word)) {
        target.kind = kind;
        return true;
      }
    if (IsNext("jump") || IsNext("goto")) {
      target.kind = Next().text == "jump" ? Target::Kind::Jump : Target::Kind::Goto;
      const Token name = Word();
      NameChain(table, name);
      target.chain = name.text;
    } else if (Take("reject")) {
      target.kind = Target::Kind::Reject;
      target.asIcmpx = table.family == FilterFamily::Inet;
      target.isIcmpv6 = table.family == FilterFamily::Ip6;
      if (Take("with")) ReadReject(table, rule);
    } else if (Take("masquerade")) {
      target.kind = Target::Kind::Masquerade;
      ReadNat(table, rule, false, token);
    } else if (Take("snat")) {
      target.kind = Target::Kind::Snat;
      ReadNat(table, rule, true, token);
    } else if (Take("dnat")) {
      target.kind = Target::Kind::Dnat;
      ReadNat(table, rule, true, token);
    } else if (Take("redirect")) {
      target.kind = Target::Kind::Redirect;
      ReadNat(table, rule, false, token);
    } else {
      for (const char* other : {"queue", "continue", "tproxy", "dup", "fwd"})
        if (IsNext(other)) NotYet(token, fmt::format("\"{}\"", other));
      return false;
    }
    return true;
  }
  /// A chain may be jumped to before its own block has come.
  void NameChain(FilterTable& table, const Token& name) {
    if (table.Find(name.text)) return;
    bool comes = false;
    for (size_t at = m_at; at + 1 < m_tokens.size(); ++at)
      comes |= m_tokens[at].text == "chain" && m_tokens[at + 1].text == name.text;
    if (!comes) Refuse(name, kNoSuchFile);
    m_named.insert(&table.Add({.name = name.text}));
  }
  void ReadReject(const FilterTable& table, FilterRule& rule) {
    Target& target = rule.target;
    if (Take("tcp")) {
      Expect("reset");
      target.rejectWith = kernel::RejectWith::TcpReset;
      target.asIcmpx = false;
      const bool isTcp = std::any_of(rule.matches.begin(), rule.matches.end(), [](const Match& m) {
        const auto* value = std::get_if<ValueMatch>(&m);
        if (const auto* flags = std::get_if<kernel::TransportMatch>(&m)) return flags->protocol == kTcp;
        if (!value) return false;
        const bool isProtocol = value->field == ValueMatch::Field::Protocol ||
                                value->field == ValueMatch::Field::IpProtocol ||
                                value->field == ValueMatch::Field::NextHeader;
        return value->protocol == kTcp ||
               (isProtocol && !value->isNot && value->values.ranges == std::vector{ValueSet::Range{kTcp, kTcp}});
      });
      if (isTcp) return;
      ValueMatch tcp{.field = ValueMatch::Field::Protocol};
      tcp.values.Add(ValueSet::Range{kTcp, kTcp});
      rule.matches.emplace_back(std::move(tcp));
      return;
    }
    const std::string protocol = Peek().text;
    if (!Take("icmpx") && !Take("icmpv6") && !Take("icmp")) Unexpected("tcp, icmp, icmpv6 or icmpx");
    Take("type");
    const Token word = Word();
    const auto with = NftWords::Reject(word.text, protocol);
    if (!with) Refuse(word, fmt::format("\"{}\" is no code of {}", word.text, protocol));
    target.rejectWith = *with;
    target.asIcmpx = protocol == "icmpx";
    target.isIcmpv6 = protocol == "icmpv6";
    if (table.family == FilterFamily::Ip && target.isIcmpv6) Refuse(word, "conflicting protocols specified: ip6 vs ip");
    if (table.family == FilterFamily::Ip6 && protocol == "icmp")
      Refuse(word, "conflicting protocols specified: ip vs ip6");
  }
  /// Whether an address of NAT is one of IPv6: the table says it, the word before, or a match before.
  static bool IsNatOfIpv6(const FilterTable& table, const FilterRule& rule, const std::optional<bool>& said,
                          const Token& at) {
    if (table.family != FilterFamily::Inet) return table.family == FilterFamily::Ip6;
    if (said) return *said;
    for (const Match& m : rule.matches) {
      using Field = ValueMatch::Field;
      if (const auto* family = std::get_if<kernel::FamilyMatch>(&m); family && !family->isNot) return family->isV6;
      const auto* value = std::get_if<ValueMatch>(&m);
      if (!value) continue;
      if (value->field == Field::Source || value->field == Field::Destination || value->field == Field::IpProtocol)
        return false;
      if (value->field == Field::Source6 || value->field == Field::Destination6 || value->field == Field::NextHeader)
        return true;
    }
    Refuse(at, "ip or ip6 must be specified with address for inet tables.");
  }
  /// "[fd00::1]:80-90": the address; the part behind it goes to `rest`.
  std::string TakeBracketed(std::string& rest) {
    Expect("[");
    std::string address = Word().text;
    Expect("]");
    if (Peek().kind == Token::Kind::Word && Peek().text[0] == ':') rest = Next().text;
    return address;
  }
  /// "to 10.0.0.1:8080", "to :80-90", "to [fd00::1]:80", and flags.
  void ReadNat(const FilterTable& table, FilterRule& rule, bool needsAddress, const Token& at) {
    kernel::NatRange& nat = rule.target.nat;
    std::optional<bool> said;
    if (Take("ip6"))
      said = true;
    else if (Take("ip"))
      said = false;
    const bool isTo = Take("to");
    if (needsAddress && !isTo) Unexpected("to");
    if (isTo) {
      const Token word = Peek();
      std::string address, port;
      if (IsNext("[")) {
        address = TakeBracketed(port);
      } else {
        address = Word().text;
        const size_t colon = address.find(':');
        const bool isAddress6 = colon != std::string::npos && address.find(':', colon + 1) != std::string::npos;
        if (colon != std::string::npos && !isAddress6) {
          port = address.substr(colon);
          address.resize(colon);
        }
      }
      const bool isV6 = !address.empty() && IsNatOfIpv6(table, rule, said, at);
      ValueSet addresses, ports;
      auto read = [&](ValueMatch::Field field, const std::string& text, ValueSet& into) {
        const size_t dash = text.find('-');
        const kernel::FilterNumber first = One(field, word, text.substr(0, dash));
        into.Add(ValueSet::Range{first, dash == std::string::npos ? first : One(field, word, text.substr(dash + 1))});
      };
      if (!address.empty()) read(isV6 ? ValueMatch::Field::Source6 : ValueMatch::Field::Source, address, addresses);
      if (!port.empty()) read(ValueMatch::Field::SourcePort, port.substr(1), ports);
      if (needsAddress && addresses.ranges.empty()) NotYet(word, "NAT of a port alone");
      if (!needsAddress && !addresses.ranges.empty()) Refuse(word, "an address has no place here");
      if (!addresses.ranges.empty()) {
        auto addressOf = [&](const kernel::FilterNumber& number) {
          return isV6 ? IpAddress(number.ToIpv6()) : IpAddress(Ipv4Address{static_cast<uint32_t>(number.low)});
        };
        nat.low = addressOf(addresses.ranges[0].first);
        nat.high = addressOf(addresses.ranges[0].last);
      }
      if (!ports.ranges.empty()) {
        const bool hasTransport = std::any_of(rule.matches.begin(), rule.matches.end(), [](const Match& m) {
          const auto* value = std::get_if<ValueMatch>(&m);
          return value &&
                 (value->protocol != 0 || value->field == ValueMatch::Field::Protocol ||
                  value->field == ValueMatch::Field::IpProtocol || value->field == ValueMatch::Field::NextHeader);
        });
        if (!hasTransport) Refuse(at, "transport protocol mapping is only valid after transport protocol match");
        nat.ports = kernel::PortRange{static_cast<uint16_t>(ports.ranges[0].first.low),
                                      static_cast<uint16_t>(ports.ranges[0].last.low)};
      }
    }
    do {
      if (Take("random"))
        nat.random = true;
      else if (Take("fully-random"))
        nat.fullyRandom = true;
      else if (Take("persistent"))
        nat.persistent = true;
    } while (Take(","));
  }

  bool TakeStatement(FilterRule& rule) {
    if (Take("counter")) {
      if (std::any_of(rule.matches.begin(), rule.matches.end(),
                      [](const Match& m) { return std::holds_alternative<kernel::CountStatement>(m); }))
        NotYet(Peek(), "a second counter");
      rule.matches.emplace_back(kernel::CountStatement{});
      if (Take("packets")) {
        rule.packets = Number(UINT64_MAX);
        Expect("bytes");
        rule.bytes = Number(UINT64_MAX);
      } else if (IsNext("name")) {
        NotYet(Peek(), "a counter with a name");
      }
    } else if (Take("log")) {
      kernel::LogStatement log;
      while (true) {
        if (Take("prefix"))
          log.prefix = Text();
        else if (Take("level"))
          log.level = Word().text;
        else if (IsNext("group") || IsNext("flags") || IsNext("snaplen") || IsNext("queue-threshold"))
          NotYet(Peek(), fmt::format("\"{}\" of log", Peek().text));
        else
          break;
      }
      if (log.level == "warn") log.level.clear();
      rule.matches.emplace_back(std::move(log));
    } else if (Take("limit")) {
      ReadLimit(rule);
    } else if (Take("notrack")) {
      rule.matches.emplace_back(kernel::NotrackStatement{});
    } else {
      return false;
    }
    return true;
  }
  uint64_t ReadBytes(uint64_t count, const Token& unit) {
    if (unit.text == "bytes") return count;
    if (unit.text == "kbytes") return count * 1024;
    if (unit.text == "mbytes") return count * 1024 * 1024;
    Refuse(unit, fmt::format("\"{}\" is no unit: bytes, kbytes or mbytes", unit.text));
  }
  /// "rate over 10/second burst 5 packets", "rate 10 mbytes/second"
  void ReadLimit(FilterRule& rule) {
    static constexpr std::pair<const char*, int64_t> kUnits[] = {
        {"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 604800}};
    if (IsNext("name")) NotYet(Peek(), "a limit with a name");
    Expect("rate");
    kernel::LimitMatch limit;
    limit.isOver = Take("over");
    Token word = Word();
    size_t slash = word.text.find('/');
    const auto rate = ParseNumber(word.text.substr(0, slash), UINT32_MAX);
    if (!rate || *rate == 0) Refuse(word, fmt::format("\"{}\" is no rate: 10/second", word.text));
    limit.rate = *rate;
    if (slash == std::string::npos && !IsNext("/")) {
      word = Word();
      slash = word.text.find('/');
      Token unit = word;
      unit.text = word.text.substr(0, slash);
      limit.rate = ReadBytes(*rate, unit);
      limit.ofBytes = true;
      limit.burst = 0;
    }
    std::string unit = slash == std::string::npos ? "" : word.text.substr(slash + 1);
    if (unit.empty()) {
      Take("/");
      word = Word();
      unit = word.text[0] == '/' ? word.text.substr(1) : word.text;
    }
    const auto known = std::find_if(std::begin(kUnits), std::end(kUnits), [&](auto& u) { return unit == u.first; });
    if (known == std::end(kUnits))
      Refuse(word, fmt::format("\"{}\" is no unit of time: second, minute, hour, day, week", unit));
    limit.unit = Seconds(known->second);
    if (Take("burst")) {
      const uint64_t burst = Number(UINT32_MAX);
      const Token what = Word("packets or bytes");
      if ((what.text == "packets") == limit.ofBytes)
        Refuse(what, "syntax error: the burst counts what the rate counts");
      limit.burst = static_cast<uint32_t>(limit.ofBytes ? ReadBytes(burst, what) : burst);
    }
    rule.matches.emplace_back(limit);
  }

  bool TakeExpression(FilterTable& table, FilterRule& rule) {
    using Field = ValueMatch::Field;
    static constexpr std::pair<const char*, Field> kDevices[] = {
        {"iifname", Field::InDevice}, {"oifname", Field::OutDevice}, {"iif", Field::InIndex}, {"oif", Field::OutIndex}};
    const bool isMeta = Take("meta");
    for (const auto& [word, field] : kDevices)
      if (Take(word)) return ReadMatch(table, rule, field), true;
    if (Take("mark")) return ReadMark(rule), true;
    if (isMeta) {
      if (Take("l4proto")) return ReadMatch(table, rule, Field::Protocol), true;
      if (IsNext("nfproto")) return ReadFamily(table, rule), true;
      NotYet(Peek(), fmt::format("\"meta {}\"", Peek().text));
    }
    if ((table.family == FilterFamily::Ip6 && IsNext("ip")) || (table.family == FilterFamily::Ip && IsNext("ip6")))
      Refuse(WithNext(),
             fmt::format("conflicting protocols specified: {} vs. {}", NftFamilyName(table.family), Peek().text));
    if (Take("ip6")) {
      static constexpr std::pair<const char*, Field> kFields[] = {
          {"saddr", Field::Source6}, {"daddr", Field::Destination6}, {"nexthdr", Field::NextHeader}};
      for (const auto& [word, field] : kFields)
        if (Take(word)) return ReadMatch(table, rule, field), true;
      NotYet(Peek(), fmt::format("\"ip6 {}\"", Peek().text));
    }
    if (Take("icmpv6")) {
      if (Take("type")) return ReadMatch(table, rule, Field::Icmp6Type), true;
      if (Take("code")) return ReadMatch(table, rule, Field::Icmp6Code), true;
      NotYet(Peek(), fmt::format("\"icmpv6 {}\"", Peek().text));
    }
    if (Take("ip")) {
      static constexpr std::pair<const char*, Field> kFields[] = {
          {"saddr", Field::Source}, {"daddr", Field::Destination}, {"protocol", Field::IpProtocol}};
      for (const auto& [word, field] : kFields)
        if (Take(word)) return ReadMatch(table, rule, field), true;
      NotYet(Peek(), fmt::format("\"ip {}\"", Peek().text));
    }
    if (Take("icmp")) {
      if (Take("type")) return ReadMatch(table, rule, Field::IcmpType), true;
      if (Take("code")) return ReadMatch(table, rule, Field::IcmpCode), true;
      NotYet(Peek(), fmt::format("\"icmp {}\"", Peek().text));
    }
    static constexpr std::pair<const char*, uint8_t> kTransports[] = {{"tcp", kTcp}, {"udp", kUdp},    {"sctp", 132},
                                                                      {"dccp", 33},  {"udplite", 136}, {"th", 0}};
    for (const auto& [word, protocol] : kTransports) {
      if (!Take(word)) continue;
      if (Take("sport")) return ReadMatch(table, rule, Field::SourcePort, protocol), true;
      if (Take("dport")) return ReadMatch(table, rule, Field::DestinationPort, protocol), true;
      if (protocol == kTcp && Take("flags")) return ReadFlags(rule), true;
      if (Peek().kind == Token::Kind::Word)
        Refuse(Peek(), fmt::format("syntax error, unexpected string: {} has sport and dport{}", word,
                                   protocol == kTcp ? " and flags" : ""));
      Unexpected();
    }
    if (Take("ct")) return ReadConnection(rule), true;
    if (Take("fib")) return ReadAddressType(rule), true;
    for (const char* other :
         {"ether", "vlan",   "arp", "rt",  "socket", "osf", "numgen", "jhash",   "symhash", "ah",   "esp",
          "comp",  "exthdr", "dst", "hbh", "frag",   "mh",  "ipsec",  "pkttype", "skuid",   "skgid"})
      if (IsNext(other)) NotYet(Peek(), fmt::format("\"{}\"", other));
    return false;
  }
  uint32_t ReadMarkValue() {
    if (IsNext("(")) NotYet(Peek(), "a mark in parentheses");
    return static_cast<uint32_t>(Number(UINT32_MAX));
  }
  void ReadMark(FilterRule& rule) {
    auto takeAnd = [&] { return Take("&") || Take("and"); };
    auto takeOr = [&] { return Take("|") || Take("or"); };
    if (Take("set")) {
      kernel::MarkStatement set;
      if (Take("meta") || IsNext("mark")) {
        Expect("mark");
        set.mask = 0;
        if (takeAnd()) set.mask = ~ReadMarkValue();
        if (takeOr()) {
          set.mark = ReadMarkValue();
          set.mask |= set.mark;
        } else if (Take("^") || Take("xor")) {
          set.mark = ReadMarkValue();
        }
      } else if (IsNext("ct")) {
        NotYet(Peek(), "a connection's mark");
      } else {
        set.mark = ReadMarkValue();
      }
      rule.matches.emplace_back(set);
      return;
    }
    kernel::MarkMatch match;
    if (takeAnd()) match.mask = ReadMarkValue();
    match.isNot = TakeNot();
    if (IsNext("{") || IsNext("@")) NotYet(Peek(), "a set of marks");
    match.value = ReadMarkValue();
    rule.matches.emplace_back(match);
  }
  void ReadFamily(const FilterTable& table, FilterRule& rule) {
    if (table.family != FilterFamily::Inet) Refuse(Peek(), "meta nfproto is only useful in the inet family");
    Expect("nfproto");
    const bool isNot = TakeNot();
    const Token word = Word();
    if (word.text != "ipv4" && word.text != "ipv6")
      Refuse(word, fmt::format("\"{}\" is no family: ipv4 or ipv6", word.text));
    rule.matches.emplace_back(kernel::FamilyMatch{word.text == "ipv6", isNot});
  }
  uint8_t ReadFlagNames() {
    uint8_t out = 0;
    const bool closes = Take("(");
    do {
      const Token word = Word();
      const auto flag = std::find_if(kTcpFlags.begin(), kTcpFlags.end(), [&](const auto& f) {
        return word.text.size() == 3 && std::equal(word.text.begin(), word.text.end(), f.first, [](char a, char b) {
                 return a == static_cast<char>(b - 'A' + 'a');
               });
      });
      if (flag == kTcpFlags.end())
        Refuse(word, fmt::format("\"{}\" is no TCP flag: fin, syn, rst, psh, ack, urg", word.text));
      out |= flag->second;
    } while (Take("|") || Take(","));
    if (closes) Expect(")");
    return out;
  }
  /// "syn", "syn / fin,syn,rst,ack", "& (fin | syn | rst | ack) == syn"
  void ReadFlags(FilterRule& rule) {
    kernel::TransportMatch match{.protocol = kTcp};
    if (Take("&")) {
      match.flagMask = ReadFlagNames();
      match.notFlags = TakeNot();
      match.flags = ReadFlagNames();
    } else {
      if (IsNext("!=") || IsNext("==")) NotYet(Peek(), "comparing all flags");
      match.notFlags = Take("!");
      match.flags = ReadFlagNames();
      if (Take("/"))
        match.flagMask = ReadFlagNames();
      else if ((match.flags & (match.flags - 1)) == 0)
        match.flagMask = match.flags;
      else
        NotYet(Peek(), "one of several flags");
    }
    rule.matches.emplace_back(match);
  }
  void ReadConnection(FilterRule& rule) {
    const Token key = Word();
    kernel::StateMatch match;
    auto read = [&](const auto& names) {
      const Token word = Word();
      for (const auto& [name, bit] : names)
        if (word.text == name) return void(match.any |= bit);
      Refuse(word, fmt::format("\"{}\" is no {} of a connection that is supported", word.text, key.text));
    };
    if (key.text != "state" && key.text != "status") NotYet(key, fmt::format("\"ct {}\"", key.text));
    if (IsNext("vmap")) NotYet(Peek(), "a map");
    match.isNot = TakeNot();
    const bool closes = Take("{");
    do {
      if (closes) SkipLines();
      if (key.text == "state")
        read(kNftStates);
      else
        read(kNftStatus);
      if (closes) SkipLines();
    } while (Take(","));
    if (closes) Expect("}");
    rule.matches.emplace_back(match);
  }
  void ReadAddressType(FilterRule& rule) {
    const Token side = Word();
    if (side.text != "saddr" && side.text != "daddr") NotYet(side, fmt::format("\"fib {}\"", side.text));
    if (!Take("type")) NotYet(Peek(), "this of a FIB's answers");
    const bool isNot = TakeNot();
    uint16_t types = 0;
    const bool closes = Take("{");
    do {
      const Token word = Word();
      const auto type = ParseRouteType(word.text);
      if (!type) Refuse(word, fmt::format("\"{}\" is no type of address", word.text));
      types = static_cast<uint16_t>(types | 1u << static_cast<int>(*type));
    } while (closes && Take(","));
    if (closes) Expect("}");
    kernel::AddressTypeMatch match;
    (side.text == "saddr" ? match.source : match.destination) = types;
    (side.text == "saddr" ? match.notSource : match.notDestination) = isNot;
    rule.matches.emplace_back(match);
  }

  // ---- delete, flush, list
  bool IsChainUsed(const FilterTable& table, const std::string& name) const {
    return std::any_of(table.chains.begin(), table.chains.end(), [&](const auto& chain) {
      return std::any_of(chain->rules.begin(), chain->rules.end(),
                         [&](const FilterRule& r) { return r.target.chain == name; });
    });
  }
  static bool IsSetUsed(const FilterTable& table, const std::string& name) {
    return std::any_of(table.chains.begin(), table.chains.end(), [&](const auto& chain) {
      return std::any_of(chain->rules.begin(), chain->rules.end(), [&](const FilterRule& r) {
        return std::any_of(r.matches.begin(), r.matches.end(), [&](const Match& m) {
          const auto* value = std::get_if<ValueMatch>(&m);
          return value && value->set == name;
        });
      });
    });
  }
  void Delete() {
    if (Take("table")) return m_ns.netfilter.Remove(Need(ReadTable()));
    if (Take("chain")) {
      FilterTable& table = Need(ReadTable());
      const Token name = Word();
      const FilterChain& chain = NeedChain(table, name);
      if (IsChainUsed(table, name.text) || !chain.rules.empty())
        Refuse(name, "Could not process rule: Device or resource busy");
      std::erase_if(table.chains, [&](const auto& c) { return c.get() == &chain; });
      return;
    }
    if (Take("set")) {
      FilterTable& table = Need(ReadTable());
      const Token name = Word();
      NeedSet(table, name);
      if (IsSetUsed(table, name.text)) Refuse(name, "Could not process rule: Device or resource busy");
      std::erase_if(table.sets, [&](const FilterSet& s) { return s.name == name.text; });
      return;
    }
    if (Take("element")) {
      FilterSet& set = ReadSet(kNoSuchFile);
      const Token at = Peek();
      ValueSet gone;
      ReadElements(FieldOf(set.type), gone, 0);
      const size_t before = set.values.ranges.size() + set.values.names.size();
      set.values.Remove(gone);
      if (before - set.values.ranges.size() - set.values.names.size() != gone.ranges.size() + gone.names.size())
        Refuse(at, kNoSuchFile);
      return;
    }
    if (IsNext("rule")) NotYet(Peek(), "deleting one rule (flush its chain)");
    Unexpected();
  }
  void Flush() {
    if (Take("ruleset")) {
      m_ns.netfilter.Replace({});
    } else if (Take("table")) {
      for (const auto& chain : Need(ReadTable()).chains) chain->rules.clear();
    } else if (Take("chain")) {
      FilterTable& table = Need(ReadTable());
      NeedChain(table, Word()).rules.clear();
    } else if (Take("set")) {
      FilterTable& table = Need(ReadTable());
      NeedSet(table, Word()).values = {};
    } else {
      Unexpected();
    }
  }
  void ListTable(const FilterTable& table) {
    if (HasXtables(table))
      m_output.warnings += fmt::format("# Warning: table {} {} is managed by iptables-nft, do not touch!\n",
                                       NftFamilyName(table.family), table.name);
    m_output.out += NftTableText(table, m_options);
  }
  void List() {
    const char* missing = "No such file or directory";
    const auto& tables = m_ns.netfilter.Tables();
    if (Take("ruleset")) {
      for (const auto& table : tables) ListTable(*table);
    } else if (Take("tables")) {
      for (const auto& table : tables)
        m_output.out += fmt::format("table {} {}\n", NftFamilyName(table->family), table->name);
    } else if (Take("table")) {
      ListTable(Need(ReadTable(), missing));
    } else if (Take("chains") || Take("sets")) {
      const bool areChains = m_tokens[m_at - 1].text == "chains";
      for (const auto& table : tables) {
        m_output.out += fmt::format("table {} {} {{\n", NftFamilyName(table->family), table->name);
        if (areChains)
          for (const auto& chain : table->chains) {
            const std::string hook = NftHookText(*chain);
            m_output.out +=
                fmt::format("\tchain {} {{\n{}\t}}\n", chain->name, hook.empty() ? "" : "\t\t" + hook + "\n");
          }
        else
          for (const FilterSet& set : table->sets) m_output.out += NftSetText(set, m_options);
        m_output.out += "}\n";
      }
    } else if (IsNext("chain") || IsNext("set")) {
      const bool isChain = Next().text == "chain";
      const TableName name = ReadTable();
      FilterTable& table = Need(name, missing);
      const Token object = Word();
      if (isChain && !table.Find(object.text)) Refuse(object, missing);
      m_output.out += fmt::format("table {} {} {{\n{}}}\n", NftFamilyName(table.family), table.name,
                                  isChain ? NftChainText(table, *table.Find(object.text), m_options)
                                          : NftSetText(NeedSet(table, object), m_options));
    } else {
      Unexpected();
    }
  }

  static constexpr size_t kMostTokens = 1'000'000;
  Namespace& m_ns;
  std::vector<Token> m_tokens;
  size_t m_at = 0;
  std::map<std::string, std::vector<Token>> m_variables;
  std::set<const FilterChain*> m_named;  ///< by a jump, and not met yet
  const NftListOptions& m_options;
  NftOutput& m_output;
};

using Tables = std::vector<std::unique_ptr<FilterTable>>;

void TellOf(Namespace& ns, kernel::TableChange::Op op, const Tables& tables, const Tables& others) {
  std::set<uint32_t> known;
  auto forEach = [](const Tables& all, const auto& visit) {
    for (const auto& table : all)
      for (const auto& chain : table->chains)
        for (const FilterRule& rule : chain->rules) visit(rule);
  };
  forEach(others, [&](const FilterRule& rule) { known.insert(rule.rowId); });
  forEach(tables, [&](const FilterRule& rule) {
    if (!known.contains(rule.rowId)) ns.Changed(kernel::Table::Filter, op, &rule, rule.rowId);
  });
}

}  // namespace

std::optional<NftProblem> CarryNft(Namespace& ns, std::string_view text, NftOutput& output,
                                   const NftListOptions& options) {
  Tables before = ns.netfilter.Replace(ns.netfilter.Copy());
  try {
    Reader(ns, text, options, output).Run();
  } catch (const Refused& refused) {
    ns.netfilter.Replace(std::move(before));
    ns.netfilter.Rebuild();
    return refused.problem;
  }
  ns.netfilter.Rebuild();
  TellOf(ns, kernel::TableChange::Op::Delete, before, ns.netfilter.Tables());
  TellOf(ns, kernel::TableChange::Op::Add, ns.netfilter.Tables(), before);
  return std::nullopt;
}

void RunNft(Session& session, Words& words) {
  NftListOptions options;
  while (!words.Done() && words.Peek()[0] == '-') {
    const std::string option = words.Next();
    if (option == "-v" || option == "--version") {
      session.result.out += "nftables v1.0.6 (Lester Gooch #5)\n";
      return;
    }
    if (option == "-s" || option == "--stateless")
      options.stateless = true;
    else if (option == "-t" || option == "--terse")
      options.terse = true;
    else if (option != "-n" && option != "--numeric" && option != "-nn")
      NotSupported(fmt::format("nft's option {}", option));
  }
  const std::string line = fmt::format("{}", fmt::join(words.Rest(), " "));
  if (line.empty()) throw Failure{1, "nft: no command specified\n"};
  NftOutput output;
  const auto problem = CarryNft(session.Ns(), line, output, options);
  session.result.out += output.out;
  session.result.err += output.warnings;
  if (problem)
    throw Failure{1, fmt::format("Error: {}\n{}\n{}{}\n", problem->text, line, std::string(problem->column - 1, ' '),
                                 std::string(problem->length, '^'))};
}

}  // namespace overlaysim::iproute2
