#pragma once

#include <string>
#include <vector>

#include "models/host/network.h"

namespace overlaysim::host {

/// Whether every packet is accounted for, to be asked after Network::EndRun(). Empty, or a line for each law that does
/// not hold:
///
///  * in all, what was made (sent, copied, cut out, put together) has ended with a verdict, and Network::verdicts has
///    each end once;
///  * in each kernel, what was made there or came in by cable has ended there or gone out by cable;
///  * on each cable, veth pair and loopback device, what one device counts as sent (tx_packets) the other counts as
///    received (rx_packets), or refused (Stack::RefusedFrames) because it was down or gone, because the cable failed,
///    or because the run ended first.
std::vector<std::string> FindUnaccounted(const Network& network);

}  // namespace overlaysim::host
