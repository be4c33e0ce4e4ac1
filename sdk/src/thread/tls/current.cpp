// SPDX-License-Identifier: BSD-3-Clause
// The current thread and reactor, in a separate library, libbdevkit-tls.so.
//
// Both are read for every I/O, so they are reached without a lookup (the TLS model initial-exec). That needs
// room in the area that the program loader reserves for libraries that are loaded late, as in a Python
// process. These 16 bytes fit; DPDK's thread-local data in libbdevkit.so, over 4 KiB, would not.
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk {

BDK_INTERNAL constinit thread_local bdk_thread* t_current_thread = nullptr;
BDK_INTERNAL constinit thread_local Reactor* t_current_reactor = nullptr;

}  // namespace bdk
