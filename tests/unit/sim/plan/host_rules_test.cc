#include "sim/plan/host_rules.h"

#include <filesystem>
#include <fstream>

#include "planning.h"
#include "sim/iproute2/command.h"

namespace overlaysim {
namespace {

/// Two nodes, of which the second has this firewall.
std::string WithFirewall(const std::string& firewall) {
  return WithCluster(R"("nodes": ["node1", {"name": "node2", "firewall": {)" + firewall +
                     R"(}}], "cni": {"type": "flannel"}, "pods": [{"name": "pod-a", "node": "node1"}])");
}

std::string Typed(const Planned& planned, const std::string& node, const std::string& line) {
  const auto ns = planned->Materialise(planned->Find(node));
  iproute2::SingleNamespace only(*ns);
  return iproute2::RunCommand(only, ns->Id(), line).out;
}

TEST(HostRules, StandBeforeThoseOfTheCniAndOfTheShortForm) {
  const Planned planned = PlanText(WithFirewall(R"("iptables": ["*filter", ":INPUT DROP [0:0]",
      "-A FORWARD -p udp -m udp --dport 53 -j ACCEPT", "COMMIT"], "deny": [{"tcp": 22}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(Typed(planned, "node2", "iptables -S"),
            "-P INPUT DROP\n"
            "-P FORWARD ACCEPT\n"
            "-P OUTPUT ACCEPT\n"
            "-N FLANNEL-FWD\n"
            "-A INPUT -p tcp -m tcp --dport 22 -j DROP\n"
            "-A FORWARD -p udp -m udp --dport 53 -j ACCEPT\n"
            "-A FORWARD -p tcp -m tcp --dport 22 -j DROP\n"
            "-A FORWARD -m comment --comment \"flanneld forward\" -j FLANNEL-FWD\n"
            "-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\n"
            "-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT\n");
  EXPECT_EQ(Typed(planned, "node1", "iptables -S INPUT"), "-P INPUT ACCEPT\n");
}

TEST(HostRules, OfNftAreTablesOfTheirOwn) {
  const Planned planned = PlanText(WithFirewall(
      R"("nft": "table inet f { chain c { type filter hook input priority 5; udp dport 8472 drop; }; }")"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(Typed(planned, "node2", "nft list table inet f"),
            "table inet f {\n"
            "\tchain c {\n"
            "\t\ttype filter hook input priority filter + 5; policy accept;\n"
            "\t\tudp dport 8472 drop\n"
            "\t}\n"
            "}\n");
  EXPECT_EQ(Typed(planned, "node2", "nft list tables"), "table inet f\ntable ip nat\ntable ip filter\n");
}

TEST(HostRules, AMistakeIsShownWhereItStands) {
  const Planned inList = PlanText(WithFirewall("\"iptables\": [\n\"*filter\",\n  \"-A INPUT --foo\",\n\"COMMIT\"]"));
  EXPECT_FALSE(inList.plan);
  ASSERT_EQ(inList.diagnostics.All().size(), 1u);
  const Diagnostic& problem = inList.diagnostics.All()[0];
  EXPECT_EQ(problem.message, "iptables-restore, line 2 of the text: unknown option \"--foo\"");
  EXPECT_EQ(problem.place.line, 3u);
  EXPECT_EQ(problem.place.column, 13u);  // two blanks, a quotation mark, "-A INPUT "
  EXPECT_EQ(problem.place.length, 5u);

  const Planned inText =
      PlanText(WithFirewall("\"nft\": \"table ip t {\\n chain c {\\n  tcp dport x accept\\n }\\n}\""));
  ASSERT_EQ(inText.diagnostics.All().size(), 1u);
  EXPECT_EQ(inText.diagnostics.All()[0].message,
            "nft, line 3 of the text: Could not resolve service: Servname not supported for ai_socktype");
}

TEST(HostRules, AreReadFromAFile) {
  const std::string path = std::filesystem::path(testing::TempDir() + "/host_rules_test.nft").lexically_normal();
  std::ofstream(path) << "table ip t {\n chain c {\n  ip saddr 10.0.0.300 accept\n }\n}\n";
  const Planned wrong = PlanText(WithFirewall("\"nft\": \"" + path + "\""));
  ASSERT_EQ(wrong.diagnostics.All().size(), 1u);
  EXPECT_EQ(wrong.diagnostics.All()[0].place.file, path);
  EXPECT_EQ(wrong.diagnostics.All()[0].place.line, 3u);
  EXPECT_EQ(wrong.diagnostics.All()[0].place.column, 12u);
  std::ofstream(path) << "table ip t {\n}\n";
  EXPECT_TRUE(PlanText(WithFirewall("\"nft\": \"" + path + "\"")).plan);
  std::remove(path.c_str());
  const Planned missing = PlanText(WithFirewall("\"iptables\": \"" + path + "\""));
  ASSERT_EQ(missing.diagnostics.All().size(), 1u);
  EXPECT_NE(missing.diagnostics.All()[0].message.find("cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace overlaysim
