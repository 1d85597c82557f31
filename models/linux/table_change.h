#pragma once

#include <cstdint>

namespace overlaysim::kernel {

/// Which table of a namespace a row is in.
enum class Table : uint8_t {
  Link,
  Address,
  Route,
  Neighbour,
  BridgeFdb,
  VxlanFdb,
  Filter,
  Rule,
  Sysctl,
  Address6,
  Route6,
  Neighbour6,
  Rule6,
  TunnelPeer
};

/// One change of a table: what a listener (the trace) is told. Row ids are unique in a namespace.
struct TableChange {
  enum class Op : uint8_t { Add, Change, Delete } op = Op::Add;
  Table table = Table::Route;
  uint32_t rowId = 0;
  uint32_t version = 0;  ///< the namespace's version after the change
  const void* row =
      nullptr;      ///< the row itself (Link, Address, Route, Neighbour, ...), after Add/Change or before Delete
  int ifindex = 0;  ///< the device of a BridgeFdb, VxlanFdb or TunnelPeer row
};

}  // namespace overlaysim::kernel
