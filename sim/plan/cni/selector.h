#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace overlaysim::plan {

/// A selector in Calico's language: `rack == "r1" && !has(gpu)`, `all()`, `zone in {"a", "b"}`.
/// Source: projectcalico/calico libcalico-go/lib/selector (parser, tokenizer).
class Selector {
 public:
  using Labels = std::map<std::string, std::string, std::less<>>;

  /// The empty text selects everything. nullopt when it is no selector; `error` then says why.
  static std::optional<Selector> Parse(std::string_view text, std::string& error);
  bool Matches(const Labels& labels) const;

 private:
  enum class Op { All, Global, Has, Equal, NotEqual, In, NotIn, Contains, StartsWith, EndsWith, Not, And, Or };
  struct Term {
    Op op = Op::All;
    std::string label;
    std::vector<std::string> values;
    std::vector<Term> operands;  ///< of Not, And, Or
  };
  class Parser;
  static bool Holds(const Term& term, const Labels& labels);

  Term m_root;
};

}  // namespace overlaysim::plan
