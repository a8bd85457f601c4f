package main

import (
	"context"
	"net/netip"

	"aes67-sink/avahi"
	"aes67-sink/netif"
	"aes67-sink/ptp/port"
	"aes67-sink/rtsp"
	"aes67-sink/rtthread"
	"aes67-sink/sap"
)

// ears are the parts that hear what others announce.
type ears struct {
	sap        *sap.Service
	browser    *avahi.Browser // finds sessions by DNS-SD …
	ravenna    *rtsp.Watcher  // … and fetches their descriptions
	ptp        *port.Service  // nil without the PTP ports
	interfaces *netif.Watcher
	ours       func(avahi.Found) bool // the running bridge's own
}

// Run hands what is found by DNS-SD on to be described, until ctx is done.
func (e *ears) Run(ctx context.Context) error {
	for {
		var targets []rtsp.Target
		for _, f := range e.browser.Found() {
			if !e.ours(f) {
				targets = append(targets, rtsp.Target{Name: f.Name, Index: f.Index, Address: netip.AddrPortFrom(f.Address, f.Port)})
			}
		}
		e.ravenna.Watch(targets)
		select {
		case <-ctx.Done():
			return nil
		case <-e.browser.Changed():
		}
	}
}

// survey tells what is heard now.
func (e *ears) survey() survey {
	s := survey{heard: e.sap.Heard(), interfaces: e.interfaces.Candidates()}
	hosts := map[string]string{}
	for _, f := range e.browser.Found() {
		hosts[f.Name] = f.Host
	}
	for _, f := range e.ravenna.Found() {
		s.found = append(s.found, found{f, hosts[f.Name]})
	}
	if e.ptp != nil {
		s.masters = lookedAt(e.ptp.Heard(), rtthread.Now())
	}
	return s
}

// announcedOn returns the sessions of others on an interface; 0: on any.
func (e *ears) announcedOn(index int) []announced {
	var out []announced
	heard := e.sap.Heard()
	for i := range heard {
		if h := &heard[i]; index == 0 || h.Index == index {
			out = append(out, announced{h.Description.Name, &h.Description})
		}
	}
	found := e.ravenna.Found()
	for i := range found {
		if f := &found[i]; index == 0 || f.Index == index {
			out = append(out, announced{f.Name, &f.Description})
		}
	}
	return out
}
