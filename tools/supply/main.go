package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "supply:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: supply licences PACKAGE... | supply sbom --out DIR BINARY")
	}
	switch args[0] {
	case "licences":
		table, err := licences(args[1:])
		if err != nil {
			return err
		}
		_, err = os.Stdout.WriteString(table)
		return err
	case "sbom":
		set := flag.NewFlagSet("sbom", flag.ContinueOnError)
		out := set.String("out", ".", "folder for the bills of materials")
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		for _, binary := range set.Args() {
			if err := sbom(binary, *out); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no command %q", args[0])
}
