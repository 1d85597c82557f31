#pragma once

#include <ns3/ipv4-address.h>
#include <ns3/mac48-address.h>

#include "sim/base/addresses.h"

namespace overlaysim {

// ns-3's addresses and ours, which the tables hold.
inline Ipv4Address FromNs3(ns3::Ipv4Address address) { return {address.Get()}; }
inline ns3::Ipv4Address ToNs3(Ipv4Address address) { return ns3::Ipv4Address(address.value); }
inline MacAddress FromNs3(ns3::Mac48Address address) {
  MacAddress mac;
  address.CopyTo(mac.bytes.data());
  return mac;
}
inline ns3::Mac48Address ToNs3(const MacAddress& mac) {
  ns3::Mac48Address address;
  address.CopyFrom(mac.bytes.data());
  return address;
}

}  // namespace overlaysim
