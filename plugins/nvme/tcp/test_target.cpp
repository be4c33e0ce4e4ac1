// SPDX-License-Identifier: BSD-3-Clause
#include "test_target.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <nvme/types.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>

namespace nvme::tcp::test {

namespace {

constexpr uint64_t cap = 127 | uint64_t(1) << 37 | uint64_t(2) << 24;

struct HostIsGone {};

void expect(bool right, const char* what) {
    if (!right) throw std::runtime_error(what);
}

}  // namespace

/// One connection, served by a thread.
class TestTarget::Connection {
public:
    Connection(TestTarget& target, int fd) : target_(target), fd_(fd), thread_([this] { run(); }) {}
    ~Connection() {
        shutdown(fd_, SHUT_RDWR);
        thread_.join();
        close(fd_);
    }

    /// Answers the command that waits for an event, or the next one.
    void tell(uint32_t event) {
        const std::lock_guard lock(sending_);
        events_.push_back(event);
        deliver();
    }

private:
    void deliver() {
        if (event_command_ < 0 || events_.empty()) return;
        const Octets event = response(uint16_t(event_command_), 0, events_.front(), digests_);
        events_.pop_front();
        event_command_ = -1;
        ::send(fd_, event.data(), event.size(), MSG_NOSIGNAL);
    }

    struct Write {
        Command command;
        Octets data;
        uint32_t asked = 0, come = 0;
    };

    void run() {
        try {
            Octets bytes(65536);
            for (ssize_t n; (n = recv(fd_, bytes.data(), bytes.size(), 0)) > 0;) {
                append(stream_, bytes.data(), size_t(n));
                while (auto pdu = take_pdu(stream_, digests_))
                    handle(*pdu);
            }
        } catch (const HostIsGone&) {
        } catch (const std::exception& error) {
            ADD_FAILURE() << "the host does what it should not: " << error.what();
        }
        shutdown(fd_, SHUT_RDWR);
    }

    void send(const Octets& bytes) {
        const std::lock_guard lock(sending_);
        for (size_t at = 0; at < bytes.size();) {
            const ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
            if (n <= 0) throw HostIsGone();
            at += size_t(n);
        }
    }

    void handle(const HostPdu& pdu) {
        switch (pdu.header.type) {
            case PduType::ic_req: {
                const auto ic = pdu.as<IcPdu>();
                const Digests wanted{(ic.digests & 1) != 0, (ic.digests & 2) != 0};
                send(ic_resp(wanted, target_.manners_.max_data, 1));
                digests_ = wanted;
                return;
            }
            case PduType::capsule_cmd:
                return command(pdu.as<CapsuleCmdPdu>().command, pdu.data);
            case PduType::h2c_data:
                return take_data(pdu.as<DataPdu>(), pdu.data);
            default:
                throw std::runtime_error("an unexpected PDU");
        }
    }

    void answer(const Command& command, uint16_t status = 0, uint64_t result = 0) {
        send(response(command.cid, status, result, digests_));
    }

    void command(const Command& command, const Octets& data) {
        const auto length = uint32_t(command.dptr[1]);
        const bool in_capsule = command.dptr[1] >> 56 == 0x01;
        expect(in_capsule == !data.empty() && (!in_capsule || length == data.size()), "a wrong SGL");
        const bool writes = command.opcode != nvme_admin_fabrics && (command.opcode & 3) == 1 && length != 0;
        if (!writes || in_capsule) return run(command, data);
        Write& write = writes_[command.cid];
        write = {command, Octets(length), 0, 0};
        ask(write);
    }

    void ask(Write& write) {
        const uint32_t length =
            std::min(target_.manners_.r2t_size, uint32_t(write.data.size()) - write.asked);
        send(r2t(write.command.cid, uint16_t(write.command.cid + 1000), write.asked, length, digests_));
        write.asked += length;
    }

    void take_data(const DataPdu& pdu, const Octets& data) {
        Write& write = writes_.at(pdu.cid);
        expect(pdu.tag == pdu.cid + 1000 && pdu.offset == write.come && pdu.length == data.size() &&
                   data.size() <= target_.manners_.max_data && write.come + data.size() <= write.asked,
               "wrong H2CData");
        std::copy(data.begin(), data.end(), write.data.begin() + pdu.offset);
        write.come += pdu.length;
        const bool last = (pdu.header.flags & pdu_last) != 0;
        expect(last == (write.come == write.asked), "a wrong LAST flag");
        if (write.come != write.asked) return;
        if (write.asked != write.data.size()) return ask(write);
        const Write whole = std::move(write);
        writes_.erase(pdu.cid);
        run(whole.command, whole.data);
    }

    void give(const Command& command, const void* bytes, size_t length) {
        Octets data(length);
        std::memcpy(data.data(), bytes, length);
        for (size_t at = 0; at < length;) {
            const size_t n = std::min<size_t>(target_.manners_.data_size, length - at);
            const bool last = at + n == length;
            const uint8_t flags = last ? pdu_last | (target_.manners_.success_flag ? pdu_success : 0) : 0;
            send(c2h_data(command.cid, uint32_t(at), {data.begin() + long(at), data.begin() + long(at + n)},
                          flags, digests_, 4));
            at += n;
        }
        if (!target_.manners_.success_flag) answer(command);
    }

    void run(const Command& command, const Octets& data) {
        if (command.opcode == nvme_admin_fabrics && command.nsid == nvme_fabrics_type_connect)
            return connect(command, data);
        if (authenticator_ && command.opcode == nvme_admin_fabrics &&
            (command.nsid == nvme_fabrics_type_auth_send || command.nsid == nvme_fabrics_type_auth_receive))
            return authenticate(command, data);
        if (authenticator_ && !authenticator_->is_done()) return answer(command, NVME_SC_DNR | 0x191);
        if (command.opcode == nvme_admin_fabrics) return fabrics(command);
        if (queue_ == 0) return admin(command);
        if (target_.holds_) return count(target_.held_);
        if (const uint16_t status = path_status(); status != 0) return answer(command, status);
        const uint64_t at = (uint64_t(command.cdw11) << 32 | command.cdw10) * block_size;
        const uint64_t length = ((command.cdw12 & 0xffff) + 1) * uint64_t(block_size);
        const bool moves = command.opcode == nvme_cmd_read || command.opcode == nvme_cmd_write ||
                           command.opcode == nvme_cmd_write_zeroes;
        if (moves && at + length > target_.disk().size())
            return answer(command, NVME_SC_DNR | NVME_SC_LBA_RANGE);
        std::unique_lock lock(target_.storage_->mutex);
        std::byte* place = target_.disk().data() + at;
        switch (command.opcode) {
            case nvme_cmd_read: {
                const Octets copy(place, place + length);
                lock.unlock();
                if (!target_.manners_.short_reads) return give(command, copy.data(), copy.size());
                send(c2h_data(command.cid, 0, Octets(copy.size() / 2), pdu_last, digests_));
                return answer(command);
            }
            case nvme_cmd_write:
                expect(data.size() == length, "a write of another length than its data");
                std::copy(data.begin(), data.end(), place);
                count(target_.writes_);
                break;
            case nvme_cmd_write_zeroes:
                std::fill_n(place, length, std::byte());
                break;
            case nvme_cmd_flush:
                break;
            default:
                lock.unlock();
                return answer(command, NVME_SC_DNR | NVME_SC_INVALID_OPCODE);
        }
        lock.unlock();
        answer(command);
    }

    void authenticate(const Command& command, const Octets& data) {
        expect(command.cdw10 == 0xe9010100, "another security protocol");
        if (command.nsid == nvme_fabrics_type_auth_receive) {
            const Octets message = authenticator_->give();
            expect(message.size() <= command.cdw11, "too little room for a message");
            // The success flag is allowed although the data are shorter than the host's buffer.
            return give(command, message.data(), message.size());
        }
        expect(command.cdw11 == data.size(), "a wrong transfer length");
        authenticator_->take(data);
        answer(command);
    }

    void connect(const Command& command, const Octets& data) {
        nvmf_connect_data connect;
        expect(data.size() == sizeof(connect), "a wrong connect");
        std::memcpy(&connect, data.data(), sizeof(connect));
        if (std::string(connect.subsysnqn) != nqn)
            return answer(command, NVME_SC_DNR | 0x182, 1u << 16 | offsetof(nvmf_connect_data, subsysnqn));
        queue_ = command.cdw10 >> 16;
        if (queue_ != 0 && target_.refuses_io_queues_)
            return answer(command, NVME_SC_DNR | NVME_SC_CMD_SEQ_ERROR);
        if (queue_ != 0) {
            count(target_.io_queues_);
            expect(connect.cntlid == target_.controller_, "an I/O queue of another controller");
        }
        uint64_t asks = 0;
        if (const auto& authentication = target_.manners_.authentication) {
            authenticator_.emplace(*authentication, connect.hostnqn, nqn);
            asks = uint64_t(authentication->asks) << 16;
        }
        answer(command, 0, target_.controller_ | asks);
    }

    void fabrics(const Command& command) {
        if (command.nsid == nvme_fabrics_type_property_get)
            return answer(command, 0,
                          command.cdw11 == NVME_REG_CAP    ? cap
                          : command.cdw11 == NVME_REG_CSTS ? 1
                                                           : 0);
        if (command.nsid != nvme_fabrics_type_property_set)
            return answer(command, NVME_SC_DNR | NVME_SC_INVALID_OPCODE);
        if ((command.cdw12 >> 14 & 3) != 0) count(target_.shutdowns_);
        answer(command);
    }

    void admin(const Command& command) {
        if (command.opcode == nvme_admin_identify) return identify(command);
        if (command.opcode == nvme_admin_set_features) {
            const uint32_t count = target_.manners_.queues - 1u;
            return answer(command, 0, count << 16 | count);
        }
        if (command.opcode == nvme_admin_abort_cmd) {
            target_.aborts_++;
            return answer(command, 0, 1);  // not aborted
        }
        if (command.opcode == nvme_admin_async_event) {
            const std::lock_guard lock(sending_);
            event_command_ = command.cid;
            return deliver();
        }
        if (command.opcode == nvme_admin_get_log_page) return log_page(command);
        if (command.opcode == nvme_admin_keep_alive && target_.ignores_keep_alive_) return;
        if (command.opcode == nvme_admin_keep_alive) return answer(command);
        answer(command, NVME_SC_DNR | NVME_SC_INVALID_OPCODE);
    }

    void log_page(const Command& command) {
        Octets log(((command.cdw10 >> 16) + 1) * 4);
        if ((command.cdw10 & 0xff) == NVME_LOG_LID_ANA) {
            const nvme_ana_log head{.chgcnt = 1, .ngrps = 1, .rsvd10 = {}};
            const nvme_ana_group_desc group{
                .grpid = 1, .nnsids = 1, .chgcnt = 1, .state = target_.access_, .rsvd17 = {}};
            const uint32_t nsid = 1;
            std::memcpy(log.data(), &head, sizeof(head));
            std::memcpy(log.data() + sizeof(head), &group, sizeof(group));
            std::memcpy(log.data() + sizeof(head) + sizeof(group), &nsid, sizeof(nsid));
            if (target_.manners_.short_logs) log.resize(sizeof(head) + sizeof(group) + sizeof(nsid));
        } else if (target_.manners_.short_logs) {
            log.resize(sizeof(uint32_t));
        }
        give(command, log.data(), log.size());
    }

    /// The status that refuses I/O at this portal; 0: I/O is accepted.
    uint16_t path_status() const {
        switch (target_.access_) {
            case NVME_ANA_STATE_INACCESSIBLE:
                return NVME_SCT_PATH << NVME_SCT_SHIFT | NVME_SC_ANA_INACCESSIBLE;
            case NVME_ANA_STATE_PERSISTENT_LOSS:
                return NVME_SCT_PATH << NVME_SCT_SHIFT | NVME_SC_ANA_PERSISTENT_LOSS;
            case NVME_ANA_STATE_CHANGE:
                return NVME_SCT_PATH << NVME_SCT_SHIFT | NVME_SC_ANA_TRANSITION;
            default:
                return 0;
        }
    }

    void identify(const Command& command) {
        if (command.cdw10 == NVME_IDENTIFY_CNS_CTRL) {
            nvme_id_ctrl data{};
            std::memcpy(data.sn, target_.manners_.serial, sizeof(data.sn));
            std::memcpy(data.mn, "test target                             ", sizeof(data.mn));
            data.kas = 10;
            data.oaes = 1u << 8 | 1u << 11;
            data.cmic = NVME_CTRL_CMIC_MULTI_PORT | NVME_CTRL_CMIC_MULTI_CTRL;
            if (target_.manners_.reports_access) data.cmic |= NVME_CTRL_CMIC_MULTI_ANA_REPORTING;
            data.anatt = 1;
            data.nanagrpid = data.anagrpmax = 1;
            data.mnan = 1 + target_.manners_.spare_namespaces;
            data.oncs = NVME_CTRL_ONCS_WRITE_ZEROES;
            data.sgls = 1 | NVME_CTRL_SGLS_OFFSET | NVME_CTRL_SGLS_TPORT;
            data.ioccsz = (target_.manners_.in_capsule + 64) / 16;
            data.iorcsz = 1;
            return give(command, &data, sizeof(data));
        }
        if (command.cdw10 == NVME_IDENTIFY_CNS_NS_ACTIVE_LIST) {
            const std::array<uint32_t, 1024> ids{1};
            return give(command, ids.data(), sizeof(ids));
        }
        if (command.cdw10 == NVME_IDENTIFY_CNS_NS_DESC_LIST) {
            if (!target_.manners_.has_uuid) return answer(command, NVME_SC_DNR | NVME_SC_INVALID_FIELD);
            std::array<uint8_t, 4096> list{NVME_NIDT_UUID, NVME_NIDT_UUID_LEN, 0, 0, target_.nguid_};
            return give(command, list.data(), sizeof(list));
        }
        nvme_id_ns data{};
        data.nsze = data.ncap = target_.blocks_;
        data.lbaf[0].ds = 9;
        if (!target_.manners_.has_uuid) data.nguid[0] = target_.nguid_;
        data.nmic = NVME_NS_NMIC_SHARED;
        give(command, &data, sizeof(data));
    }

    TestTarget& target_;
    const int fd_;
    Digests digests_;
    uint32_t queue_ = 0;
    std::optional<TestAuthenticator> authenticator_;
    Octets stream_;
    std::mutex sending_;
    int event_command_ = -1;
    std::deque<uint32_t> events_;
    std::map<uint16_t, Write> writes_;
    std::thread thread_;
};

TestTarget::TestTarget(const Manners& manners, std::shared_ptr<Disk> disk, uint16_t controller)
    : controller_(controller), manners_(manners), storage_(std::move(disk)) {
    start();
}

TestTarget::~TestTarget() {
    stop();
}

void TestTarget::start() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    socklen_t length = sizeof(address);
    expect(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(listener_, 16) == 0,
           "cannot listen");
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this, listener = listener_] { accept_all(listener); });
}

void TestTarget::accept_all(int listener) {
    for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
        const std::lock_guard lock(mutex_);
        connections_.push_back(std::make_unique<Connection>(*this, fd));
    }
}

void TestTarget::tell_all(uint32_t event) {
    const std::lock_guard lock(mutex_);
    for (const auto& connection : connections_)
        connection->tell(event);
}

void TestTarget::resize(uint64_t to_blocks) {
    blocks_ = to_blocks;
    tell_all(NVME_AER_NOTICE | NVME_AER_NOTICE_NS_CHANGED << 8);
}

void TestTarget::set_access(uint8_t state, bool tells) {
    access_ = state;
    if (tells) tell_all(NVME_AER_NOTICE | NVME_AER_NOTICE_ANA << 8);
}

void TestTarget::stop() {
    if (!acceptor_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    std::vector<std::unique_ptr<Connection>> ending;
    {
        const std::lock_guard lock(mutex_);
        ending.swap(connections_);
    }
}

}  // namespace nvme::tcp::test
