// SPDX-License-Identifier: BSD-3-Clause
// Memory that malloc gives and takes back is filled, so that the use of what is not set, or not there, is
// seen.
#pragma once

namespace bdevkit::host {

/// Of the process of a case. Filling touches all of the memory, which takes its time: a calloc of 1 TiB,
/// which the kernel serves at once, does not end. So it pauses where memory of any size may be taken.
class Perturbation {
public:
    static void start();

    /// While one lives, nothing is filled.
    class Pause {
    public:
        Pause();
        ~Pause();
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;
    };
};

}  // namespace bdevkit::host
