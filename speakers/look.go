package speakers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

// budget bounds what is asked of one speaker in one command.
const budget = 15 * time.Second

// Speaker is one speaker as it tells of itself. What it does not tell is nil or "".
type Speaker struct {
	Name           string   `json:"name"`
	Model          string   `json:"model,omitempty"`
	Serial         string   `json:"serial,omitempty"`
	Firmware       string   `json:"firmware,omitempty"`
	Address        string   `json:"address"`
	LevelDB        *float64 `json:"level_db_spl,omitempty"`
	Muted          *bool    `json:"muted,omitempty"`
	Standby        *bool    `json:"standby_enabled,omitempty"`
	StandbyMinutes *float64 `json:"standby_minutes,omitempty"`
	StandbyInM     *float64 `json:"standby_in_min,omitempty"` // its own countdown; 0: it sleeps
	ControlMode    string   `json:"control_mode,omitempty"`
	Input          string   `json:"input,omitempty"`
	Warnings       []string `json:"warnings,omitempty"`
	Side           string   `json:"side,omitempty"` // left or right, of the pair that is remembered
	Problem        string   `json:"problem,omitempty"`

	found  Found
	fifth  bool // its own output is the fifth
	slow   bool // it answers, and not all could be asked in time
	device *ssc.Device
}

// Look asks a speaker what it is and how it is set. It stops at the first question
// that gets no answer, and says so in Problem; a refusal leaves a gap. One that answers so
// slowly that the time is over is known as far as it has said who it is.
func Look(ctx context.Context, d *ssc.Device) Speaker {
	ctx, stop := context.WithTimeout(ctx, budget)
	defer stop()
	s := Speaker{Address: d.Addr().String(), device: d}
	ask := func(p ssc.Path) ssc.Value {
		if s.Problem != "" || s.slow {
			return ssc.Value{}
		}
		v, err := d.Get(ctx, p)
		var refused *ssc.Error
		switch {
		case err == nil, errors.As(err, &refused):
		case ctx.Err() != nil && s.Name != "" && !s.sub(): // of a subwoofer the outputs must be known
			s.slow = true
		default:
			s.Problem = err.Error()
		}
		return v
	}
	text := func(p ssc.Path) string { t, _ := ask(p).Text(); return t }
	s.Model, s.Serial, s.Name = text(wire.Product), text(wire.Serial), text(wire.Name)
	s.Firmware = text(wire.Version)
	s.LevelDB = pointer(ask(wire.Level).Float())
	if s.sub() && s.Problem == "" { // an error that is not "unknown" tells nothing of its outputs, so it is not set
		v, err := d.Get(ctx, wire.SubLevel)
		var refused *ssc.Error
		if level, ok := v.Float(); ok {
			s.LevelDB, s.fifth = &level, true
		} else if !errors.As(err, &refused) || refused.Code != 404 {
			s.Problem = fmt.Sprintf("%s has not told whether it has an output of its own (%v)", s.Model, err)
		}
	}
	s.Muted = pointer(ask(s.mute()).Bool())
	s.Standby = pointer(ask(wire.StandbyEnabled).Bool())
	s.StandbyMinutes = pointer(ask(wire.StandbyTime).Float())
	s.StandbyInM = pointer(ask(wire.StandbyIn).Float())
	s.ControlMode = text(wire.ControlMode)
	if s.Input = text(wire.CurrentInput); s.Input == "" {
		s.Input = text(wire.Interface)
	}
	s.Warnings = ask(wire.Warnings).Faults()
	return s
}

func pointer[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

// sub reports whether it is the subwoofer, whose own output is the fifth by firmware 1.2
// and later (khtool).
func (s Speaker) sub() bool { return strings.HasPrefix(s.Model, "KH 750") }

// asleep reports whether its countdown to standby has ended.
func (s Speaker) asleep() bool {
	return s.Standby != nil && *s.Standby && s.StandbyInM != nil && *s.StandbyInM <= 0
}

func (s Speaker) level() ssc.Path {
	if s.fifth {
		return wire.SubLevel
	}
	return wire.Level
}

func (s Speaker) mute() ssc.Path {
	if s.fifth {
		return wire.SubMute
	}
	return wire.Mute
}
