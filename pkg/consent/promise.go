package consent

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/tlog"
)

// maxPromises is how many promises one signature covers at most.
const maxPromises = 128

// promiseGroup is what the hub signs for several promises at once: the root of
// the tree (RFC 6962, 2.1) over their claims, each canonical JSON. A promise of
// a group is the JWS, its own claims, and its place:
//
//	JWS ~ base64url(claims) ~ index [. base64url(hash)]…
type promiseGroup struct {
	Issuer string `json:"iss"`
	Root   string `json:"root"`
	Size   int64  `json:"size"`
}

// wanted is a promise that waits for its signature.
type wanted struct {
	claims PromiseClaims
	done   chan signedPromise
}

type signedPromise struct {
	text string
	err  error
}

// promises signs what has gathered while the last signature was made: with a key
// in a slow device many commits share one. Who comes while nothing is signed signs
// its own.
type promises struct {
	mu      sync.Mutex
	waiting []wanted
	running bool
}

func (l *Ledger) sign(ctx context.Context, c PromiseClaims) (string, error) {
	w := wanted{c, make(chan signedPromise, 1)}
	p := &l.promises
	p.mu.Lock()
	p.waiting = append(p.waiting, w)
	lead := !p.running
	p.running = true
	p.mu.Unlock()
	if lead {
		l.signNext()
	}
	select {
	case s := <-w.done:
		return s.text, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// signNext signs for those who wait, and leaves to another goroutine who came meanwhile.
func (l *Ledger) signNext() {
	p := &l.promises
	p.mu.Lock()
	n := min(len(p.waiting), maxPromises)
	group := p.waiting[:n:n]
	p.waiting = p.waiting[n:]
	p.mu.Unlock()
	defer func() { // also when the device's driver panics
		p.mu.Lock()
		p.running = len(p.waiting) > 0
		more := p.running
		p.mu.Unlock()
		if more {
			go l.signNext()
		}
	}()
	texts, err := l.signGroup(group)
	for i, w := range group {
		if err != nil {
			w.done <- signedPromise{err: err}
		} else {
			w.done <- signedPromise{text: texts[i]}
		}
	}
}

// signGroup signs once. One promise alone is a plain JWS.
func (l *Ledger) signGroup(group []wanted) ([]string, error) {
	key, kid := l.Key()
	if len(group) == 1 {
		text, err := signHub(PromiseJWT, group[0].claims, key, kid)
		return []string{text}, err
	}
	claims := make([][]byte, len(group))
	var edge tlog.Edge
	for i, w := range group {
		var err error
		if claims[i], err = canonical(w.claims); err != nil {
			return nil, err
		}
		edge.Append(tlog.LeafHash(claims[i]), nil)
	}
	size, root := edge.Size(), edge.Root()
	jws, err := signHub(PromisesJWT, promiseGroup{l.Issuer, Encode(root[:]), size}, key, kid)
	if err != nil {
		return nil, err
	}
	prover := &tlog.Prover{Tiles: oneTile{&edge}}
	texts := make([]string, len(group))
	for i := range group {
		path, err := prover.Inclusion(context.Background(), size, root, int64(i))
		if err != nil {
			return nil, fmt.Errorf("promise: %w", err)
		}
		place := strconv.Itoa(i)
		for _, h := range path {
			place += "." + Encode(h[:])
		}
		texts[i] = jws + "~" + Encode(claims[i]) + "~" + place
	}
	return texts, nil
}

// oneTile gives the only tile of a tree that one holds.
type oneTile struct{ edge *tlog.Edge }

func (o oneTile) Tile(context.Context, tlog.Tile) (data []byte, err error) {
	o.edge.Partial(func(_ tlog.Tile, hashes []tlog.Hash) {
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
	})
	return data, nil
}

// OpenPromise checks the hub's promise, alone or of a group, against its
// published keys.
func OpenPromise(text string, hub jose.JSONWebKeySet) (PromiseClaims, error) {
	const check = "promise signature"
	var c PromiseClaims
	jws, rest, grouped := strings.Cut(text, "~")
	if len(text) > maxJWS {
		return c, refuse(check, "longer than %d bytes", maxJWS)
	}
	if !grouped {
		err := openHub(text, PromiseJWT, check, hub, &c)
		return c, err
	}
	var group promiseGroup
	if err := openHub(jws, PromisesJWT, check, hub, &group); err != nil {
		return PromiseClaims{}, err
	}
	own, place, _ := strings.Cut(rest, "~")
	claims, err := base64.RawURLEncoding.Strict().DecodeString(own)
	if err != nil || Encode(claims) != own { // the decoder skips line breaks
		return PromiseClaims{}, refuse(check, "its claims are not base64url")
	}
	if err := group.holds(claims, place); err != nil {
		return PromiseClaims{}, refuse(check, "%v", err)
	}
	if err := Decode(claims, maxJWS, &c); err != nil {
		return PromiseClaims{}, refuse(check, "claims: %v", err)
	}
	if c.Issuer != group.Issuer {
		return PromiseClaims{}, refuse(check, "the group is of another issuer")
	}
	return c, nil
}

// holds checks the way from the claims to the root.
func (g promiseGroup) holds(claims []byte, place string) error {
	root, err := bytes32(g.Root)
	if err != nil || g.Size < 2 || g.Size > maxPromises {
		return fmt.Errorf("a group of %d", g.Size)
	}
	words := strings.Split(place, ".")
	index, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != words[0] || len(words) > 8 {
		return fmt.Errorf("no place in the group")
	}
	var path []tlog.Hash
	for _, word := range words[1:] {
		h, err := bytes32(word)
		if err != nil {
			return fmt.Errorf("place: %w", err)
		}
		path = append(path, tlog.Hash(h))
	}
	return tlog.CheckInclusion(path, g.Size, tlog.Hash(root), index, tlog.LeafHash(claims))
}
