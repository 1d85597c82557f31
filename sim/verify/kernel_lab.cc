#include "sim/verify/kernel_lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "sim/base/check.h"
#include "sim/verify/verifiable_plan.h"

namespace overlaysim::verify {
namespace {

constexpr auto kCarrierWait = std::chrono::seconds(5);
constexpr int kNotStarted = 127;  // as a shell has it
constexpr std::array kProgramFolders = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

/// Leaves the calling process only the rights to configure the network namespace that it is in and to send raw packets
/// there; what it executes gets no others either.
void Confine() {
  constexpr std::array<unsigned long, 3> kKept = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE};
  uint32_t kept = 0;
  for (unsigned long capability : kKept) kept |= 1u << capability;
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    if (std::find(kKept.begin(), kKept.end(), capability) == kKept.end()) prctl(PR_CAPBSET_DROP, capability);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0] = {kept, kept, kept};
  syscall(SYS_capset, &header, data.data());
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/// After fork(): becomes the program. Never returns.
[[noreturn]] void Become(const PlanCommand& command, const std::string& path, int netns, int output, bool confined) {
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0) _exit(kNotStarted);
  if (confined) Confine();
  close_range(STDERR_FILENO + 1, ~0u, 0);
  std::vector<char*> argv;
  for (const std::string& word : command.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char locale[] = "LC_ALL=C", programs[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::array<char*, 3> environment = {locale, programs, nullptr};
  execve(path.c_str(), argv.data(), environment.data());
  _exit(kNotStarted);
}

std::vector<std::string> DeviceNames() {
  std::vector<std::string> names;
  struct if_nameindex* all = if_nameindex();
  for (struct if_nameindex* at = all; at && at->if_index != 0; ++at) names.emplace_back(at->if_name);
  if (all) if_freenameindex(all);
  return names;
}

bool HasCarrier(int socket, const std::string& device) {
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  return ioctl(socket, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING);
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  Close();
  std::swap(m_fd, other.m_fd);
  return *this;
}

void File::Close() {
  if (m_fd >= 0) close(m_fd);
  m_fd = -1;
}

bool WriteSysctl(const std::string& path, const std::string& value) {
  const File file(open(("/proc/sys/" + path).c_str(), O_WRONLY | O_CLOEXEC));
  return file.IsOpen() && write(file.Get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

std::string FindProgram(const std::string& name) {
  for (const char* folder : kProgramFolders) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

// ------------------------------------------------------------------------------------------------ building

std::string KernelLab::Build(const std::vector<PlanCommand>& commands) {
  for (const PlanCommand& command : commands) {
    const ProgramResult result = Run(command);
    if (result.exit != 0) return fmt::format("\"{}\": {}", command.ToShell(), result.output);
    const bool isNew = command.netns.empty() && command.argv[1] == "netns";
    if (isNew) SetConditions(command.argv.back());
  }
  SetConditionsOfNewDevices();
  return {};
}

void KernelLab::SetConditions(const std::string& netns) {
  Enter(netns, [] {
    for (const char* scope : {"all", "default"}) {
      // What the plan says of it, it says once devices are up.
      WriteSysctl(fmt::format("net/ipv6/conf/{}/disable_ipv6", scope), "1");
      WriteSysctl(fmt::format("net/ipv6/conf/{}/accept_dad", scope), "0");
    }
    WriteSysctl("net/bridge/bridge-nf-call-iptables", "1");
    WriteSysctl("net/bridge/bridge-nf-call-ip6tables", "1");
    WriteSysctl("net/bridge/bridge-nf-call-arptables", "0");
  });
  m_plainDevices[netns];
}

void KernelLab::SetConditionsOfNewDevices() {
  for (auto& [netns, plain] : m_plainDevices) {
    std::vector<std::string> fresh;
    Enter(netns, [&, &known = plain] {
      for (const std::string& name : DeviceNames()) {
        const int ifindex = static_cast<int>(if_nametoindex(name.c_str()));
        if (name == "lo" || std::find(known.begin(), known.end(), ifindex) != known.end()) continue;
        known.push_back(ifindex);
        fresh.push_back(name);
        for (const char* family : {"ipv4", "ipv6"})
          WriteSysctl(fmt::format("net/{}/neigh/{}/delay_first_probe_time", family, name),
                      fmt::format("{}", kProbeDelay.count / Seconds(1).count));
      }
    });
    // Not every device has every offload: what cannot be set is off.
    for (const std::string& name : fresh)
      Run({netns,
           {"ethtool", "-K", name, "tx", "off", "rx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off"}});
  }
}

std::string KernelLab::WaitForCarriers(const ClusterPlan& plan) {
  const auto end = std::chrono::steady_clock::now() + kCarrierWait;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const auto ns = plan.Materialise(NetnsId(i));
    std::string waitsFor;
    Enter(NetnsId(i), [&] {
      const File socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      for (const kernel::Link* link : ns->Links()) {
        while (ns->IsRunning(*link) && !HasCarrier(socket.Get(), link->name)) {
          if (std::chrono::steady_clock::now() > end) {
            waitsFor = fmt::format("{}/{} has no carrier", NameOf(NetnsId(i)), link->name);
            return;
          }
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      }
    });
    if (!waitsFor.empty()) return waitsFor;
  }
  return {};
}

// ------------------------------------------------------------------------------------------------ programs

int KernelLab::NetnsFile(const std::string& name) {
  if (name.empty()) return -1;
  File& file = m_files[name];
  if (!file.IsOpen()) file = File(open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  return file.Get();
}

void KernelLab::Enter(NetnsId id, const std::function<void()>& inside) { Enter(m_names.Of(id), inside); }

void KernelLab::Enter(const std::string& netns, const std::function<void()>& inside) {
  const File here(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const bool isThere = setns(NetnsFile(netns), CLONE_NEWNET) == 0;
  OVERLAYSIM_CHECK(isThere, "the namespace {} cannot be entered: {}", netns, std::strerror(errno));
  inside();
  const bool isBack = setns(here.Get(), CLONE_NEWNET) == 0;
  OVERLAYSIM_CHECK(isBack, "the way back from {} is lost", netns);
}

KernelLab::Running KernelLab::Spawn(const PlanCommand& command, bool confined) {
  Running running;
  const std::string path = FindProgram(command.argv[0]);
  int ends[2];
  if (path.empty() || pipe2(ends, O_CLOEXEC) != 0) return running;
  const int netns = NetnsFile(command.netns);
  running.output = File(ends[0]);
  const File write(ends[1]);
  running.pid = fork();
  if (running.pid == 0) Become(command, path, netns, ends[1], confined);
  return running;
}

ProgramResult KernelLab::Collect(Running running) {
  ProgramResult result{kNotStarted, std::move(running.text)};
  if (running.pid < 0) return result;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 1; got > 0;) {
    got = read(running.output.Get(), buffer.data(), buffer.size());
    if (got > 0) result.output.append(buffer.data(), static_cast<size_t>(got));
  }
  int status = 0;
  while (waitpid(running.pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

ProgramResult KernelLab::Run(const PlanCommand& command) { return Collect(Spawn(command, false)); }

ProgramResult KernelLab::RunConfined(const PlanCommand& command) { return Collect(Spawn(command, true)); }

void KernelLab::Start(const PlanCommand& command, EventLoop& loop, std::function<void(ProgramResult)> onEnd) {
  auto running = std::make_shared<Running>(Spawn(command, true));
  if (running->pid < 0) return onEnd({kNotStarted, ""});
  loop.OnReadable(running->output.Get(), [this, running, &loop, onEnd = std::move(onEnd)] {
    std::array<char, 4096> buffer{};
    const ssize_t got = read(running->output.Get(), buffer.data(), buffer.size());
    if (got > 0) {
      running->text.append(buffer.data(), static_cast<size_t>(got));
      return;
    }
    loop.Forget(running->output.Get());
    onEnd(Collect(std::move(*running)));
  });
}

}  // namespace overlaysim::verify
