#pragma once

namespace overlaysim::mpi {

/// Goes on in a child process; the caller's process waits for it and ends as it does. A child that is killed makes it
/// end with exit code 4 and a message, which mpirun then answers: of a process that it has started itself it would
/// report the signal. To be called before MPI begins.
void Supervise();

}  // namespace overlaysim::mpi
