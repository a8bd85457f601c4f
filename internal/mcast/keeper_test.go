package mcast

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestAdjust(t *testing.T) {
	var diary []string
	broken := map[int]bool{}
	join := func(index int) error {
		if broken[index] {
			return errors.New("no such device")
		}
		diary = append(diary, fmt.Sprint("join ", index))
		return nil
	}
	leave := func(index int) error {
		diary = append(diary, fmt.Sprint("leave ", index))
		return errors.New("already gone")
	}
	var k Keeper
	for _, step := range []struct {
		name   string
		want   []int
		anew   bool
		broken int
		diary  []string
		failed []int
	}{
		{"nothing is wanted", nil, false, 0, nil, nil},
		{"two are", []int{2, 3}, false, 0, []string{"join 2", "join 3"}, nil},
		{"the same again", []int{3, 2}, false, 0, nil, nil},
		{"one goes, one comes", []int{3, 4}, false, 0, []string{"leave 2", "join 4"}, nil},
		{"one that cannot be joined", []int{3, 4, 5}, false, 5, nil, []int{5}},
		{"is tried again", []int{3, 4, 5}, false, 0, []string{"join 5"}, nil},
		{"all anew", []int{3, 5}, true, 3, []string{"leave 3", "leave 4", "leave 5", "join 5"}, []int{3}},
		{"what failed then is tried again", []int{3, 5}, false, 0, []string{"join 3"}, nil},
		{"none", nil, false, 0, []string{"leave 5", "leave 3"}, nil},
	} {
		diary = nil
		broken = map[int]bool{step.broken: true}
		failed, why := k.Adjust(step.want, step.anew, join, leave)
		if !slices.Equal(diary, step.diary) || !slices.Equal(failed, step.failed) || (why != nil) != (len(failed) > 0) {
			t.Errorf("%s: %q, failed %v (%v); want %q, failed %v", step.name, diary, failed, why, step.diary, step.failed)
		}
	}
}
