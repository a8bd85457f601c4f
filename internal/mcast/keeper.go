package mcast

import "slices"

// Keeper knows which interfaces a socket has joined on. The zero Keeper has
// joined on none. It calls the functions that it is given and has no clock.
type Keeper struct{ joined []int }

// Adjust joins and leaves until the socket is a member on the wanted interfaces
// (by index) and on no others; with anew it first leaves all, so that switches
// are told once more: the kernel tells them when an interface is set up, not
// when a cable is plugged in. It returns the interfaces that could not be
// joined and the first reason; they are tried again at the next call.
func (k *Keeper) Adjust(want []int, anew bool, join, leave func(index int) error) (failed []int, why error) {
	k.joined = slices.DeleteFunc(k.joined, func(index int) bool {
		gone := anew || !slices.Contains(want, index)
		if gone {
			_ = leave(index) // the interface may be gone, and the membership with it
		}
		return gone
	})
	for _, index := range want {
		if slices.Contains(k.joined, index) {
			continue
		}
		if err := join(index); err != nil {
			failed = append(failed, index)
			if why == nil {
				why = err
			}
			continue
		}
		k.joined = append(k.joined, index)
	}
	return failed, why
}
