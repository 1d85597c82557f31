#include "models/traffic/services.h"

#include <algorithm>
#include <iterator>

namespace overlaysim::traffic {
namespace {

struct Service {
  std::string_view name;
  uint16_t port;
  bool tcp, udp;
};

constexpr Service kServices[] = {
    {"echo", 7, true, true},
    {"discard", 9, true, true},
    {"daytime", 13, true, true},
    {"chargen", 19, true, true},
    {"ftp-data", 20, true, false},
    {"fsp", 21, false, true},
    {"ftp", 21, true, false},
    {"ssh", 22, true, false},
    {"telnet", 23, true, false},
    {"smtp", 25, true, false},
    {"time", 37, true, true},
    {"whois", 43, true, false},
    {"tacacs", 49, true, true},
    {"domain", 53, true, true},
    {"bootps", 67, false, true},
    {"bootpc", 68, false, true},
    {"tftp", 69, false, true},
    {"gopher", 70, true, false},
    {"finger", 79, true, false},
    {"http", 80, true, false},
    {"kerberos", 88, true, true},
    {"pop3", 110, true, false},
    {"sunrpc", 111, true, true},
    {"auth", 113, true, false},
    {"nntp", 119, true, false},
    {"ntp", 123, false, true},
    {"epmap", 135, true, false},
    {"netbios-ns", 137, false, true},
    {"netbios-dgm", 138, false, true},
    {"netbios-ssn", 139, true, false},
    {"imap2", 143, true, false},
    {"snmp", 161, true, true},
    {"snmp-trap", 162, true, true},
    {"bgp", 179, true, false},
    {"ldap", 389, true, true},
    {"https", 443, true, true},
    {"microsoft-ds", 445, true, false},
    {"submissions", 465, true, false},
    {"shell", 514, true, false},
    {"syslog", 514, false, true},
    {"route", 520, false, true},
    {"dhcpv6-client", 546, false, true},
    {"dhcpv6-server", 547, false, true},
    {"submission", 587, true, false},
    {"asf-rmcp", 623, false, true},
    {"ldaps", 636, true, true},
    {"domain-s", 853, true, true},
    {"rsync", 873, true, false},
    {"ftps-data", 989, true, false},
    {"ftps", 990, true, false},
    {"imaps", 993, true, false},
    {"pop3s", 995, true, false},
    {"socks", 1080, true, false},
    {"openvpn", 1194, true, true},
    {"radius", 1812, true, true},
    {"radius-acct", 1813, true, true},
    {"nfs", 2049, true, true},
    {"iscsi-target", 3260, true, false},
    {"mysql", 3306, true, false},
    {"ms-wbt-server", 3389, true, false},
    {"epmd", 4369, true, false},
    {"sip", 5060, true, true},
    {"sip-tls", 5061, true, true},
    {"xmpp-client", 5222, true, false},
    {"postgresql", 5432, true, false},
    {"amqp", 5672, true, false},
    {"redis", 6379, true, false},
    {"http-alt", 8080, true, false},
    {"tproxy", 8081, true, false},
    {"git", 9418, true, false},
    {"zabbix-agent", 10050, true, false},
    {"zabbix-trapper", 10051, true, false},
};

}  // namespace

std::string_view ServiceName(uint16_t port, bool udp) {
  const auto* service = std::find_if(std::begin(kServices), std::end(kServices),
                                     [&](const Service& s) { return s.port == port && (udp ? s.udp : s.tcp); });
  return service != std::end(kServices) ? service->name : "*";
}

std::optional<uint16_t> ServicePort(std::string_view name, bool udp) {
  const auto* service = std::find_if(std::begin(kServices), std::end(kServices),
                                     [&](const Service& s) { return s.name == name && (udp ? s.udp : s.tcp); });
  if (service == std::end(kServices)) return std::nullopt;
  return service->port;
}

}  // namespace overlaysim::traffic
