#include "models/mpi/mpi_transport.h"

#include <fmt/format.h>
#include <mpi.h>
#include <ns3/global-value.h>
#include <ns3/granted-time-window-mpi-interface.h>
#include <ns3/mpi-interface.h>
#include <ns3/mpi-receiver.h>
#include <ns3/node-list.h>
#include <ns3/node.h>
#include <ns3/packet.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/virtual-net-device.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>

#include "models/engine/engine.h"
#include "sim/base/check.h"

namespace overlaysim::mpi {
namespace {

using Ns3Mpi = ns3::GrantedTimeWindowMpiInterface;

/// Of what a message holds, without MpiInterface's own header and what ns-3 writes around a packet's bytes.
constexpr size_t kPartBytes = 1900;
/// How long a rank that has been told to end waits for the others before it takes them for lost.
constexpr std::chrono::milliseconds kPatience{300};

/// In front of each part.
struct PartHead {
  uint32_t from = 0;
  uint32_t number = 0;  ///< of the part in what `from` sends here in that exchange
  uint32_t exchange = 0;
};

/// In an exchange, what one rank says to another.
struct Letter {
  engine::Transport::News news;
  uint64_t parts = 0;
};

class MpiTransport final : public engine::Transport {
 public:
  MpiTransport()
      : m_rank(ns3::MpiInterface::GetSystemId()),
        m_ranks(ns3::MpiInterface::GetSize()),
        m_communicator(ns3::MpiInterface::GetCommunicator()),
        m_news(m_ranks) {
    for (Incoming& incoming : m_incoming) incoming.parts.resize(m_ranks);
  }

  ~MpiTransport() override {
    if (m_isLost) return;  // the others cannot take leave any more
    ns3::MpiInterface::Destroy();
    ns3::MpiInterface::Disable();
  }

  uint32_t Rank() const override { return m_rank; }
  uint32_t Ranks() const override { return m_ranks; }

  const std::vector<News>& Exchange(const News& mine, std::vector<std::vector<uint8_t>>& outgoing,
                                    const Take& take) override {
    MakeNodes();
    std::vector<Letter> letters(m_ranks), answers(m_ranks);
    for (uint32_t to = 0; to < m_ranks; ++to) {
      letters[to].news = mine;
      if (to != m_rank) letters[to].parts = SendParts(to, outgoing[to]);
      outgoing[to].clear();
    }
    MPI_Request request;
    MPI_Ialltoall(letters.data(), sizeof(Letter), MPI_BYTE, answers.data(), sizeof(Letter), MPI_BYTE, m_communicator,
                  &request);
    WaitFor(request);
    Incoming& incoming = m_incoming[m_exchange % m_incoming.size()];
    uint64_t expected = 0;
    for (uint32_t from = 0; from < m_ranks; ++from) {
      m_news[from] = answers[from].news;
      expected += answers[from].parts;
    }
    WaitUntil([&] {
      engine::ScheduleAtOnce(true);  // what is received is scheduled
      Ns3Mpi::ReceiveMessages();
      engine::ScheduleAtOnce(false);
      return incoming.received == expected;
    });
    incoming.received = 0;
    ++m_exchange;
    for (uint32_t from = 0; from < m_ranks; ++from) {
      m_bytes.clear();
      for (const ns3::Ptr<ns3::Packet>& part : incoming.parts[from]) {
        const size_t at = m_bytes.size();
        m_bytes.resize(at + part->GetSize());
        part->CopyData(m_bytes.data() + at, part->GetSize());
      }
      incoming.parts[from].clear();
      if (!m_bytes.empty()) take(from, m_bytes);
    }
    Ns3Mpi::TestSendComplete();
    return m_news;
  }

  std::vector<std::vector<uint8_t>> Gather(const std::vector<uint8_t>& mine) override {
    int bytes = static_cast<int>(mine.size());
    std::vector<int> sizes(m_ranks), offsets(m_ranks);
    MPI_Request request;
    MPI_Igather(&bytes, 1, MPI_INT, sizes.data(), 1, MPI_INT, 0, m_communicator, &request);
    WaitFor(request);
    int all = 0;
    for (uint32_t from = 0; from < m_ranks; ++from) {
      offsets[from] = all;
      all += sizes[from];
    }
    std::vector<uint8_t> together(static_cast<size_t>(all));
    MPI_Igatherv(mine.data(), bytes, MPI_BYTE, together.data(), sizes.data(), offsets.data(), MPI_BYTE, 0,
                 m_communicator, &request);
    WaitFor(request);
    std::vector<std::vector<uint8_t>> out;
    if (m_rank != 0) return out;
    for (uint32_t from = 0; from < m_ranks; ++from)
      out.emplace_back(together.begin() + offsets[from], together.begin() + offsets[from] + sizes[from]);
    return out;
  }

  std::string Share(const std::string& text) override {
    uint64_t bytes = text.size();
    MPI_Request request;
    MPI_Ibcast(&bytes, sizeof bytes, MPI_BYTE, 0, m_communicator, &request);
    WaitFor(request);
    std::string out = m_rank == 0 ? text : std::string(bytes, '\0');
    MPI_Ibcast(out.data(), static_cast<int>(bytes), MPI_BYTE, 0, m_communicator, &request);
    WaitFor(request);
    return out;
  }

 private:
  /// ns-3 finds a message's rank, and who takes it, by the node that it is for: one for each rank. They end with the
  /// simulation, as all nodes.
  void MakeNodes() {
    if (m_nodes.size() == m_ranks && ns3::NodeList::GetNNodes() > m_nodes.back()->GetId() &&
        ns3::NodeList::GetNode(m_nodes.back()->GetId()) == m_nodes.back())
      return;
    m_nodes.clear();
    engine::ScheduleAtOnce(true);  // their initialisation is no event of the simulation
    for (uint32_t rank = 0; rank < m_ranks; ++rank) {
      auto node = ns3::CreateObject<ns3::Node>(rank);
      auto device = ns3::CreateObject<ns3::VirtualNetDevice>();
      auto receiver = ns3::CreateObject<ns3::MpiReceiver>();
      receiver->SetReceiveCallback(ns3::MakeCallback(&MpiTransport::TakePart, this));
      device->AggregateObject(receiver);
      node->AddDevice(device);
      m_nodes.push_back(node);
    }
    engine::ScheduleAtOnce(false);
  }

  uint64_t SendParts(uint32_t to, const std::vector<uint8_t>& bytes) {
    constexpr uint32_t kOwnHeaderBytes = 16;  // of MpiInterface
    std::array<uint8_t, sizeof(PartHead) + kPartBytes> buffer;
    uint32_t number = 0;
    for (size_t at = 0; at < bytes.size(); at += kPartBytes) {
      const PartHead head{m_rank, number++, m_exchange};
      const size_t size = std::min(kPartBytes, bytes.size() - at);
      std::memcpy(buffer.data(), &head, sizeof head);
      std::memcpy(buffer.data() + sizeof head, bytes.data() + at, size);
      auto packet = ns3::Create<ns3::Packet>(buffer.data(), static_cast<uint32_t>(sizeof head + size));
      OVERLAYSIM_CHECK(packet->GetSerializedSize() + kOwnHeaderBytes <= ns3::MAX_MPI_MSG_SIZE, "a part of {} bytes",
                       packet->GetSerializedSize());
      ns3::MpiInterface::SendPacket(packet, ns3::Simulator::Now(), m_nodes[to]->GetId(), 0);
    }
    return number;
  }

  void TakePart(ns3::Ptr<ns3::Packet> packet) {
    PartHead head;
    OVERLAYSIM_CHECK(packet->GetSize() > sizeof head, "a message of {} bytes", packet->GetSize());
    packet->CopyData(reinterpret_cast<uint8_t*>(&head), sizeof head);
    packet->RemoveAtStart(sizeof head);
    OVERLAYSIM_CHECK(head.from < m_ranks, "a message of rank {}", head.from);
    Incoming& incoming = m_incoming[head.exchange % m_incoming.size()];
    auto& parts = incoming.parts[head.from];
    if (parts.size() <= head.number) parts.resize(head.number + 1);
    parts[head.number] = packet;
    ++incoming.received;
  }

  void WaitFor(MPI_Request& request) {
    WaitUntil([&] {
      int isDone = 0;
      MPI_Test(&request, &isDone, MPI_STATUS_IGNORE);
      return isDone != 0;
    });
  }

  /// MPI tells nobody of a rank that has died, but mpirun asks all others to end.
  template <typename Condition>
  void WaitUntil(Condition&& isMet) {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> since;
    for (uint32_t round = 1; !isMet(); ++round) {
      if ((round & 0xff) != 0 || !engine::WasInterrupted()) continue;
      if (!since) since = Clock::now();
      if (Clock::now() - *since < kPatience) continue;
      m_isLost = true;
      throw engine::RankLost("another rank of this run has ended, or does not answer");
    }
  }

  const uint32_t m_rank, m_ranks;
  MPI_Comm m_communicator;
  std::vector<News> m_news;
  /// Of one exchange. Another rank may be one ahead.
  struct Incoming {
    std::vector<std::vector<ns3::Ptr<ns3::Packet>>> parts;  ///< by rank
    uint64_t received = 0;
  };
  std::array<Incoming, 2> m_incoming;
  uint32_t m_exchange = 0;
  std::vector<uint8_t> m_bytes;
  std::vector<ns3::Ptr<ns3::Node>> m_nodes;  ///< by rank
  bool m_isLost = false;
};

}  // namespace

std::unique_ptr<engine::Transport> Join() {
  // MpiInterface chooses how it sends by the simulator that it expects; ours takes that one's place.
  ns3::GlobalValue::Bind("SimulatorImplementationType", ns3::StringValue("ns3::DistributedSimulatorImpl"));
  ns3::MpiInterface::Enable(nullptr, nullptr);
  engine::UseOrderedSimulator();
  return std::make_unique<MpiTransport>();
}

}  // namespace overlaysim::mpi
