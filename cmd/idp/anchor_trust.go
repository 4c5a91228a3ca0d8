package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/anchor/fabric"
)

func newAnchorTrustCommand() *cobra.Command {
	var connection, out, chaincode string
	var organisations []string
	var quorum int
	c := &cobra.Command{
		Use:   "trust --connection FILE --out DIR",
		Short: "Pin the channel's configuration, by which proofs of anchors are checked offline",
		Long: `Asks a peer for the channel's configuration, and for those before it that the
folder lacks, and adds them: roots, intermediates and revocation lists of the
organisations, when they came into force. Nothing pinned is dropped or replaced.

The peer is believed here and nowhere else: compare the fingerprint with what
the other organisations get, by another way. Run it again after a change of the
channel's configuration, and give the folder to whoever checks receipts.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&connection, "connection", "", "connection file: the network's peers, and who asks (required)")
	f.StringVar(&out, "out", "", "folder to write or to add to (required)")
	f.StringVar(&chaincode, "chaincode", "", "chaincode whose answers count (default the connection's)")
	f.StringSliceVar(&organisations, "organisation", nil, "MSP id whose peers count, again for each (default the folder's; in a new one every organisation of the channel)")
	f.IntVar(&quorum, "quorum", 0, "how many of them have to report (default the folder's; in a new one all)")
	for _, name := range []string{"connection", "out"} {
		_ = c.MarkFlagRequired(name)
	}
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		chain, err := openChain(connection)
		if err != nil {
			return err
		}
		defer chain.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
		defer cancel()
		p, err := chain.Pin(ctx, out, fabric.Policy{Chaincode: chaincode, Organisations: organisations, Quorum: quorum})
		if err != nil {
			return err
		}
		return show(cmd, map[string]any{
			"fingerprint": p.Fingerprint, "sequence": p.Sequence, "sha256": p.SHA256, "added": p.Added,
			"organisations": p.Manifest.Organisations, "quorum": p.Manifest.Quorum,
		}, func(w io.Writer) { printPinning(w, p) })
	}
	return c
}

func printPinning(w io.Writer, p fabric.Pinning) {
	fmt.Fprintf(w, "channel       %s, chaincode %s\n", p.Manifest.Channel, p.Manifest.Chaincode)
	fmt.Fprintf(w, "who counts    %s, %d of them\n", strings.Join(p.Manifest.Organisations, " "), p.Manifest.Quorum)
	fmt.Fprintf(w, "configuration %d, SHA-256 %s\n", p.Sequence, p.SHA256)
	fmt.Fprintf(w, "added         %s\n", strings.Join(p.Added, " "))
	fmt.Fprintf(w, "fingerprint   %s\n", p.Fingerprint)
	fmt.Fprintln(w, "Compare the fingerprint with what the other organisations get, by another way.")
}
