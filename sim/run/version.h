#pragma once

namespace overlaysim {

inline constexpr char kProgramVersion[] = "0.1.0";
/// Raised whenever the same inputs give other packets than before.
inline constexpr char kModelVersion[] = "1";

}  // namespace overlaysim
