#include "sim/plan/cni/selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace overlaysim::plan {
namespace {

constexpr int kMaxDepth = 100;  // of parentheses and negations

bool IsLabelCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '/' || c == '-';
}

}  // namespace

/// Recursive descent: `||` binds less than `&&`, which binds less than `!`.
class Selector::Parser {
 public:
  explicit Parser(std::string_view text) : m_text(text) {}

  std::optional<Term> Read(std::string& error) {
    Skip();
    Term root;
    if (!m_text.empty()) root = Alternatives();
    Skip();
    if (m_error.empty() && !m_text.empty()) Fail(fmt::format("\"{}\" is too much", m_text));
    error = m_error;
    return m_error.empty() ? std::optional(std::move(root)) : std::nullopt;
  }

 private:
  void Skip() {
    while (!m_text.empty() && std::isspace(static_cast<unsigned char>(m_text.front()))) m_text.remove_prefix(1);
  }
  bool Take(std::string_view word) {
    Skip();
    if (!m_text.starts_with(word)) return false;
    m_text.remove_prefix(word.size());
    return true;
  }
  bool TakeWord(std::string_view word) {
    Skip();
    if (!m_text.starts_with(word) || (m_text.size() > word.size() && IsLabelCharacter(m_text[word.size()])))
      return false;
    m_text.remove_prefix(word.size());
    return true;
  }
  void Fail(std::string message) {
    if (m_error.empty()) m_error = std::move(message);
  }
  void Expect(std::string_view word) {
    if (!Take(word)) Fail(fmt::format("\"{}\" is missing before \"{}\"", word, m_text));
  }

  Term Join(Op op, std::string_view word, Term (Parser::*next)()) {
    Term first = (this->*next)();
    if (!Take(word)) return first;
    Term all{.op = op};
    all.operands.push_back(std::move(first));
    do all.operands.push_back((this->*next)());
    while (m_error.empty() && Take(word));
    return all;
  }
  Term Alternatives() { return Join(Op::Or, "||", &Parser::Conjunction); }
  Term Conjunction() { return Join(Op::And, "&&", &Parser::Operand); }

  Term Operand() {
    if (++m_depth > kMaxDepth) Fail("it is nested too deeply");
    Term term;
    if (!m_error.empty()) return term;
    if (Take("!")) {
      term.op = Op::Not;
      term.operands.push_back(Operand());
    } else if (Take("(")) {
      term = Alternatives();
      Expect(")");
    } else if (Take("all()")) {
      term.op = Op::All;
    } else if (Take("global()")) {
      term.op = Op::Global;
    } else if (Take("has(")) {
      term = {.op = Op::Has, .label = Label()};
      Expect(")");
    } else {
      term = Comparison();
    }
    --m_depth;
    return term;
  }

  Term Comparison() {
    Term term{.label = Label()};
    if (Take("==")) {
      term.op = Op::Equal;
      term.values.push_back(Quoted());
    } else if (Take("!=")) {
      term.op = Op::NotEqual;
      term.values.push_back(Quoted());
    } else if (TakeWord("not")) {
      if (!TakeWord("in")) Fail("after \"not\" there must be \"in\"");
      term.op = Op::NotIn;
      term.values = Set();
    } else if (TakeWord("in")) {
      term.op = Op::In;
      term.values = Set();
    } else if (TakeWord("contains")) {
      term.op = Op::Contains;
      term.values.push_back(Quoted());
    } else if (TakeWord("starts")) {
      if (!TakeWord("with")) Fail("after \"starts\" there must be \"with\"");
      term.op = Op::StartsWith;
      term.values.push_back(Quoted());
    } else if (TakeWord("ends")) {
      if (!TakeWord("with")) Fail("after \"ends\" there must be \"with\"");
      term.op = Op::EndsWith;
      term.values.push_back(Quoted());
    } else {
      Fail(fmt::format("after the label \"{}\" there must be ==, !=, in, not in, contains, starts with or ends with",
                       term.label));
    }
    return term;
  }

  std::string Label() {
    Skip();
    const size_t length =
        static_cast<size_t>(std::find_if_not(m_text.begin(), m_text.end(), IsLabelCharacter) - m_text.begin());
    if (length == 0) Fail(fmt::format("a label is missing before \"{}\"", m_text));
    std::string label(m_text.substr(0, length));
    m_text.remove_prefix(length);
    return label;
  }

  std::string Quoted() {
    Skip();
    const char quote = m_text.empty() ? '\0' : m_text.front();
    const size_t end = quote == '"' || quote == '\'' ? m_text.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
      Fail(fmt::format("a text in quotes is missing before \"{}\"", m_text));
      return {};
    }
    std::string value(m_text.substr(1, end - 1));
    m_text.remove_prefix(end + 1);
    return value;
  }

  std::vector<std::string> Set() {
    std::vector<std::string> values;
    Expect("{");
    if (Take("}")) return values;
    do values.push_back(Quoted());
    while (m_error.empty() && Take(","));
    Expect("}");
    return values;
  }

  std::string_view m_text;
  std::string m_error;
  int m_depth = 0;
};

std::optional<Selector> Selector::Parse(std::string_view text, std::string& error) {
  auto root = Parser(text).Read(error);
  if (!root) return std::nullopt;
  Selector selector;
  selector.m_root = std::move(*root);
  return selector;
}

bool Selector::Matches(const Labels& labels) const { return Holds(m_root, labels); }

/// A label that is not there is unequal to everything and in no set (libcalico-go/lib/selector/parser/ast.go).
bool Selector::Holds(const Term& term, const Labels& labels) {
  const auto found = labels.find(term.label);
  const std::string* value = found == labels.end() ? nullptr : &found->second;
  const auto isOneOf = [&] {
    return value && std::find(term.values.begin(), term.values.end(), *value) != term.values.end();
  };
  const auto holds = [&](const Term& operand) { return Holds(operand, labels); };
  switch (term.op) {
    case Op::All:
      return true;
    case Op::Global:
      return false;
    case Op::Has:
      return value;
    case Op::Equal:
    case Op::In:
      return isOneOf();
    case Op::NotEqual:
    case Op::NotIn:
      return !isOneOf();
    case Op::Contains:
      return value && value->find(term.values.front()) != std::string::npos;
    case Op::StartsWith:
      return value && value->starts_with(term.values.front());
    case Op::EndsWith:
      return value && value->ends_with(term.values.front());
    case Op::Not:
      return !holds(term.operands.front());
    case Op::And:
      return std::all_of(term.operands.begin(), term.operands.end(), holds);
    case Op::Or:
      return std::any_of(term.operands.begin(), term.operands.end(), holds);
  }
  return false;
}

}  // namespace overlaysim::plan
