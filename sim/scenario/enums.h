#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/scenario.h"

namespace overlaysim::scenario {

/// The words of an enumeration, in the order of its values, and what one of them is called in messages.
struct EnumWords {
  std::string noun;
  std::vector<std::string> words;
};

template <class E>
const EnumWords& WordsOf() = delete;

template <>
const EnumWords& WordsOf<UnderlayType>();
/// The CNI flavours: the one list that the schema, `--help` and the message for a misspelt name are made from.
template <>
const EnumWords& WordsOf<CniType>();
template <>
const EnumWords& WordsOf<FlannelBackend>();
template <>
const EnumWords& WordsOf<EncapMode>();
template <>
const EnumWords& WordsOf<VxlanFlavour>();
template <>
const EnumWords& WordsOf<NextHop>();
template <>
const EnumWords& WordsOf<TunnelProtocol>();
template <>
const EnumWords& WordsOf<RoutingMode>();
template <>
const EnumWords& WordsOf<Encryption>();
template <>
const EnumWords& WordsOf<DfMode>();
template <>
const EnumWords& WordsOf<PodsPer>();
template <>
const EnumWords& WordsOf<TrafficType>();
template <>
const EnumWords& WordsOf<Per>();
template <>
const EnumWords& WordsOf<IpFamily>();
template <>
const EnumWords& WordsOf<Df>();
template <>
const EnumWords& WordsOf<LinkKind>();
template <>
const EnumWords& WordsOf<PairKind>();
template <>
const EnumWords& WordsOf<FaultKind>();
template <>
const EnumWords& WordsOf<ApiServerState>();

/// The word that stands for `value` in a file: "leaf-spine".
template <class E>
const std::string& WordOf(E value) {
  return WordsOf<E>().words.at(static_cast<size_t>(value));
}

}  // namespace overlaysim::scenario
