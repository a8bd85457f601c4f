package port

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// Hardware timestamps are used where the card is already told to take them
// (by a daemon that runs as root, or `hwstamp_ctl -i IF -t 1 -r 12`: telling it
// so oneself takes CAP_NET_ADMIN) and its clock may be read. Else, and when they
// fail to come, those of the kernel are used.

// hardwareTimestamping is asked for on top of timestamping. Without OPT_TX_SWHW
// a sent message is stamped by the card or by the kernel, never by both.
const hardwareTimestamping = unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE |
	unix.SOF_TIMESTAMPING_RAW_HARDWARE

// hardwareMisses event messages in a row without a hardware timestamp mean that
// there are none.
const hardwareMisses = 8

// card is the interface's clock, if it is used.
type card struct {
	on     bool
	why    string // not
	read   func() (PHCReading, bool)
	close  func()
	line   PHCMap
	due    aes67.MonoTime
	missed int // event messages in a row without hardware timestamp
}

// phcReader finds the clock of an interface and returns how it is read.
type phcReader func(ifname string) (read func() (PHCReading, bool), closed func(), err error)

// openPHC is the phcReader of real interfaces.
func openPHC(ifname string) (read func() (PHCReading, bool), closed func(), err error) {
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
	return func() (PHCReading, bool) { return readPHC(id) }, func() { _ = device.Close() }, nil
}

// stampsPTP reports whether a receive filter covers PTPv2 over UDP.
func stampsPTP(filter int32) bool {
	switch filter {
	case unix.HWTSTAMP_FILTER_ALL, unix.HWTSTAMP_FILTER_PTP_V2_EVENT, unix.HWTSTAMP_FILTER_PTP_V2_L4_EVENT:
		return true
	}
	return false
}

// readPHC reads a clock between two looks at CLOCK_MONOTONIC.
func readPHC(id int32) (r PHCReading, ok bool) {
	var before, middle, after unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil ||
		unix.ClockGettime(id, &middle) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
		return r, false
	}
	took := after.Nano() - before.Nano()
	return PHCReading{Mono: aes67.MonoTime(before.Nano() + took/2), Took: took, PHC: middle.Nano()}, true
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
func (c *card) look(now aes67.MonoTime) {
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
		c.due = r.Mono + phcEvery
	}
}

// instant converts the hardware timestamp of an event message, 0 if it has
// none.
func (c *card) instant(hardware int64) (at aes67.MonoTime, ok bool) {
	if hardware == 0 {
		if c.missed++; c.missed >= hardwareMisses {
			c.end("the driver gives none although it says that it does")
		}
		return 0, false
	}
	c.missed = 0
	return c.line.At(hardware), c.line.known
}
