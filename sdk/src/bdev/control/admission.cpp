// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/admission.hpp"

#include "bdev/control/qos.hpp"
#include "bdev/control/quiesce.hpp"
#include "bdev/control/reset.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/path/waiting_io.hpp"

namespace bdk {

bool admit(BdevIo* io) {
    BdevChannel* ch = io->ch;
    if ((ch->flags & channel_frozen) != 0) {
        hold_in(ch->held, io);
        return false;
    }
    if (io->is_child_here()) return true;
    if ((ch->flags & channel_guarded) != 0 && !guard_admit(io)) return false;
    if ((ch->flags & channel_quiesced) != 0 && touches_quiesced_range(ch, io)) {
        hold_in(ch->quiesced_io, io);
        return false;
    }
    return (ch->flags & channel_limited) == 0 || qos_admit(io);
}

bool take_out_of_wait(BdevIo* io) {
    return qos_take_out(io->ch, io) || reset_take_out(io) || guard_take_out(io->ch, io);
}

}  // namespace bdk
