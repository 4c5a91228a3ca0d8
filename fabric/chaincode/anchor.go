package main

import (
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
)

// Contract is what the channel may ask. Its exported methods are its functions.
type Contract struct {
	contractapi.Contract
	organisations []string // whose administrators vote
	votes         int      // how many of them register an operator
}

type record struct {
	Digests []digest `json:"digests"`
	Origin  string   `json:"origin"`
	Root    string   `json:"root"`
	Size    int64    `json:"size"`
	Writer  string   `json:"writer"`
}

func (r record) holds(q request) bool {
	return r.Root == q.Root && slices.Equal(r.Digests, q.Digests)
}

type newest struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// Put anchors a checkpoint and answers its record. The same again changes nothing.
func (c *Contract) Put(ctx contractapi.TransactionContextInterface, raw string) (string, error) {
	stub := ctx.GetStub()
	q, err := parseRequest(raw)
	if err != nil {
		return "", err
	}
	writer, err := operatorOf(stub, q.Origin)
	if err == nil {
		err = writer.vouched(q)
	}
	if err != nil {
		return "", err
	}
	var old record
	if found, err := load(stub, &old, keyRecord, q.Origin, number(q.Size)); err != nil {
		return "", err
	} else if found && !old.holds(q) {
		return "", refuse(wordConflict, "size %d of %s is anchored with another content", q.Size, q.Origin)
	} else if found {
		return encode(old), nil
	}
	var latest record
	if _, err := load(stub, &latest, keyLatest, q.Origin); err != nil {
		return "", err
	}
	if q.Size < latest.Size {
		return "", refuse(wordBehind, "size %d of %s is below %d, which is anchored", q.Size, q.Origin, latest.Size)
	}
	return write(stub, record{q.Digests, q.Origin, q.Root, q.Size, writer.MSP})
}

func write(stub shim.ChaincodeStubInterface, r record) (string, error) {
	if err := save(stub, r, keyRecord, r.Origin, number(r.Size)); err != nil {
		return "", err
	}
	if err := save(stub, r, keyLatest, r.Origin); err != nil {
		return "", err
	}
	for _, d := range r.Digests {
		if err := save(stub, newest{d.Digest, r.Size}, keyDigest, r.Origin, d.Kind, d.ID); err != nil {
			return "", err
		}
	}
	return encode(r), nil
}

// Get answers the record of an origin and size.
func (c *Contract) Get(ctx contractapi.TransactionContextInterface, origin, size string) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	n, err := parseNumber("size", size)
	if err != nil {
		return "", err
	}
	return answer(ctx, keyRecord, origin, number(n))
}

// Latest answers the record of the greatest size of an origin.
func (c *Contract) Latest(ctx contractapi.TransactionContextInterface, origin string) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	return answer(ctx, keyLatest, origin)
}

// Digest answers the newest digest that was anchored of one thing.
func (c *Contract) Digest(ctx contractapi.TransactionContextInterface, origin, kind, id string) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	if err := checkName(kind, id); err != nil {
		return "", err
	}
	return answer(ctx, keyDigest, origin, kind, id)
}

// answer hands out what is stored, byte for byte.
func answer(ctx contractapi.TransactionContextInterface, kind string, attributes ...string) (string, error) {
	raw, err := loadRaw(ctx.GetStub(), kind, attributes...)
	if err != nil {
		return "", err
	}
	if raw == nil {
		return "", refuse(wordNotFound, "no %s of %s", kind, attributes[0])
	}
	return string(raw), nil
}
