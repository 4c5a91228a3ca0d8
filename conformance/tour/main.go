package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/govmydata/mydata/conformance/stage"
)

func main() {
	show := flag.Bool("show", false, "show the browser's window")
	out := flag.String("out", "screenshots", "folder for the screenshots")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := tour(ctx, *out, *show)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("The whole story was walked in both languages; its pages are in", *out)
}

func tour(ctx context.Context, out string, show bool) error {
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	defer stage.RemovePrograms()
	s, err := openShow(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.close() }()
	b, err := openBrowser(ctx, show)
	if err != nil {
		return err
	}
	defer b.close()
	axe, err := readAxe(".")
	if err != nil {
		return err
	}
	for _, actor := range actors {
		if err := s.play(b, actor, out, axe, say); err != nil {
			return err
		}
	}
	return s.decide(ctx, b, out, axe, say)
}
