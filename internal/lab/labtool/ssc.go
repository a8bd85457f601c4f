package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aes67-sink/internal/speakersim"
)

// speakerSSCCommand plays one speaker of Sennheiser Sound Control until it is ended.
func speakerSSCCommand(args []string) error {
	f := flag.NewFlagSet("speaker-ssc", flag.ContinueOnError)
	listen := f.String("listen", "[::1]:45", "where, such as [fe80::1%eth0]:45")
	model := f.String("model", string(speakersim.KH120IIAES67), fmt.Sprintf("one of %v", speakersim.Profiles))
	name := f.String("name", "", "device/name")
	serial := f.String("serial", "", "device/identity/serial")
	noSchema := f.Bool("no-schema", false, "refuse osc/schema and osc/limits")
	local := f.Bool("local", false, "the switch at the rear is at LOCAL")
	slow := f.Duration("slow", 0, "wait before each answer")
	meter := f.Float64("meter", -120, "what the input meters show, in dB")
	if err := f.Parse(args); err != nil {
		return err
	}
	profile, err := speakersim.ParseProfile(*model)
	if err != nil {
		return err
	}
	s := speakersim.New(speakersim.Config{Profile: profile, Name: *name, Serial: *serial, NoSchema: *noSchema})
	s.SetLocal(*local)
	s.SetFaults(speakersim.Faults{Slow: *slow})
	s.SetMeter(func() []float64 { return []float64{*meter, *meter} })
	start := time.Now()
	s.OnSet(func(path string, value any) { fmt.Printf("%.3f %s %v\n", time.Since(start).Seconds(), path, value) })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp6", *listen)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	return s.Serve(ctx, l)
}
