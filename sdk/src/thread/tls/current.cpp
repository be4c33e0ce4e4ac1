// SPDX-License-Identifier: BSD-3-Clause
// Which thread and reactor run the caller: a library of its own, libbdevkit-tls.so.
//
// Both are read for every I/O, so they are reached without a lookup (the TLS model initial-exec). That needs
// room in what the program loader has set aside for libraries that are loaded late, as in a Python process:
// these 16 bytes find it, those that DPDK takes in libbdevkit.so, over 4 KiB, would not.
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk {

BDK_INTERNAL constinit thread_local bdk_thread* t_current_thread = nullptr;
BDK_INTERNAL constinit thread_local Reactor* t_current_reactor = nullptr;

}  // namespace bdk
