// Command serve shows the page of a bridge that plays itself. Each line that it reads
// is a fault to suffer; an empty one is the mend.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"aes67-sink/status"
	"aes67-sink/status/page"
	"aes67-sink/test/page/desk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	address := "127.0.0.1:6767"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	d := desk.New(time.Now())
	d.Pair()
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			d.Suffer(desk.Fault(lines.Text()))
		}
	}()
	fmt.Println("http://" + address + "/")
	_ = status.NewServer(d).With(page.New(d)).Setting(d).RunTCP(ctx, address, func(err error) { fmt.Fprintln(os.Stderr, err) })
}
