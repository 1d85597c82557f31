#include "sim/cli/ranks.h"

#include <cstdlib>

#ifdef OVERLAYSIM_WITH_MPI
#include "models/mpi/mpi_transport.h"
#include "models/mpi/supervise.h"
#endif
#include "sim/cli/verbs.h"

namespace overlaysim::cli {
namespace {

/// What Open MPI's and MPICH's launchers say.
bool HasCompany() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* value = std::getenv(name); value && std::strtoul(value, nullptr, 10) > 1) return true;
  return false;
}

}  // namespace

std::optional<std::unique_ptr<engine::Transport>> JoinRanks() {
  if (!HasCompany()) return nullptr;
#ifdef OVERLAYSIM_WITH_MPI
  mpi::Supervise();
  return mpi::Join();
#else
  Complain(
      kNothingRan,
      "mpirun has started several processes, and this program has been built without MPI: ./dev build --engine mpi");
  return std::nullopt;
#endif
}

}  // namespace overlaysim::cli
