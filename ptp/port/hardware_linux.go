package port

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// Hardware timestamps are used where the card is already told to take them
// (by a daemon that runs as root, or `hwstamp_ctl -i IF -t 1 -r 12`: telling it
// so oneself takes CAP_NET_ADMIN) and its clock may be read. Else, and when they
// fail to come, those of the kernel are used.

// hardwareTimestamping is asked for on top of timestamping. Without OPT_TX_SWHW
// a sent message is stamped by the card or by the kernel, never by both.
const hardwareTimestamping = unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE |
	unix.SOF_TIMESTAMPING_RAW_HARDWARE

// hardwareMisses event messages in a row without a hardware timestamp, or with one that
// cannot be true, mean that there are none.
const hardwareMisses = 8

// card is the interface's clock, if it is used.
type card struct {
	on      bool
	why     string // not
	read    func() (Pair, bool)
	close   func()
	line    PHCMap
	due     aes67.RawTime // of the next reading, RAW
	missed  [2]int        // event messages in a row without a true hardware timestamp, by direction
	awaited int           // messages sent since the latest report of one
}

// direction of an event message.
type direction uint8

// The directions.
const (
	inward direction = iota
	outward
)

// String names it in sentences.
func (d direction) String() string { return [...]string{"received", "sent"}[d] }

// phcReader finds the clock of an interface and returns how it is read.
type phcReader func(ifname string) (read func() (Pair, bool), closed func(), err error)

// openPHC is the phcReader of real interfaces.
func openPHC(ifname string) (read func() (Pair, bool), closed func(), err error) {
	probe, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(probe)
	info, err := unix.IoctlGetEthtoolTsInfo(probe, ifname)
	const wanted = hardwareTimestamping
	if err != nil || info.Phc_index < 0 || info.So_timestamping&wanted != wanted {
		return nil, nil, fmt.Errorf("%s takes none", ifname)
	}
	config, err := unix.IoctlGetHwTstamp(probe, ifname)
	if err != nil || config.Tx_type != unix.HWTSTAMP_TX_ON || !stampsPTP(config.Rx_filter) {
		return nil, nil, fmt.Errorf("they are off on %s: as root, hwstamp_ctl -i %s -t 1 -r 12", ifname, ifname)
	}
	path := fmt.Sprintf("/dev/ptp%d", info.Phc_index)
	device, err := os.Open(path) // read only: the kernel refuses to set it
	if err != nil {
		return nil, nil, err
	}
	id := unix.FdToClockID(int(device.Fd()))
	return func() (Pair, bool) { return readPair(unix.CLOCK_MONOTONIC_RAW, id) }, func() { _ = device.Close() }, nil
}

// stampsPTP reports whether a receive filter covers PTPv2 over UDP.
func stampsPTP(filter int32) bool {
	switch filter {
	case unix.HWTSTAMP_FILTER_ALL, unix.HWTSTAMP_FILTER_PTP_V2_EVENT, unix.HWTSTAMP_FILTER_PTP_V2_L4_EVENT:
		return true
	}
	return false
}

// begin decides for an interface.
func (c *card) begin(ifname string, open phcReader) {
	c.end("")
	read, closed, err := open(ifname)
	if err != nil {
		c.why = reasonOf(err)
		return
	}
	*c = card{on: true, read: read, close: closed}
	for range 4 * phcBest {
		c.look(c.due)
	}
	if !c.line.known {
		c.end("the clock of " + ifname + " cannot be read")
	}
}

func reasonOf(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return err.Error() + ": the package's udev rule lets everybody read it"
	}
	return err.Error()
}

// end gives hardware timestamps up.
func (c *card) end(why string) {
	if c.close != nil {
		c.close()
	}
	*c = card{why: why}
}

// look reads the card's clock if it is time to.
func (c *card) look(now aes67.RawTime) {
	if !c.on || now < c.due {
		return
	}
	r, ok := c.read()
	if !ok {
		c.end("the card's clock cannot be read any more")
		return
	}
	c.line.Observe(r)
	if c.line.known {
		c.due = aes67.RawTime(r.Middle()) + phcEvery
	}
}

// miss counts an event message that the card ought to have stamped and has not:
// a driver may stamp one direction only, and that is as good as none.
func (c *card) miss(d direction) {
	if c.missed[d]++; c.missed[d] >= hardwareMisses {
		c.end(fmt.Sprintf("the driver gives none of messages %v although it says that it does", d))
	}
}

// judge counts whether timestamps of its clock are of about now. One that is not may come
// of a clock that was set a moment ago, which is read at once.
func (c *card) judge(plausible bool, d direction) {
	if plausible {
		c.missed[d] = 0
		return
	}
	c.due = 0
	if c.missed[d]++; c.missed[d] >= hardwareMisses {
		c.end(fmt.Sprintf("the driver gives wrong ones of messages %v", d))
	}
}

// stampable reports whether the card's filter covers a datagram of the event
// port: an event message of PTPv2. Dante's version 1 comes to the same group and
// port and has no hardware timestamp.
func stampable(b []byte) bool {
	const version2 = 2
	return len(b) >= 2 && wire.KindOf(b).Event() && b[1]&0x0F == version2
}
