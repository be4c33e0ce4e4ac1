// SPDX-License-Identifier: BSD-3-Clause
// Fills memory with a pattern when malloc returns it and when it is freed, so that the use of uninitialised
// or freed memory shows.
#pragma once

namespace bdevkit::host {

/// For the process of a case. Filling touches all of the memory: a calloc of 1 TiB, which the kernel serves
/// at once, would not end. So filling pauses where memory of any size may be allocated.
class Perturbation {
public:
    static void start();

    /// While a Pause exists, no memory is filled.
    class Pause {
    public:
        Pause();
        ~Pause();
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;
    };
};

}  // namespace bdevkit::host
