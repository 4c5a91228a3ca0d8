package main

import (
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// The kinds of keys on the ledger. Their attributes are printable ASCII throughout, so
// that no two meet.
const (
	keyRecord   = "record"   // origin, size -> record, written once
	keyLatest   = "latest"   // origin -> the record of the greatest size
	keyDigest   = "digest"   // origin, kind, id -> the newest digest and its size
	keyOperator = "operator" // origin -> who writes
	keyRound    = "round"    // origin -> the operator that is voted on, under which version
	keyVote     = "vote"     // origin, version, organisation -> the operator it voted for
)

func number(n int64) string { return fmt.Sprintf("%016d", n) }

// load reads a value of ours; false when there is none.
func load(stub shim.ChaincodeStubInterface, into any, kind string, attributes ...string) (bool, error) {
	raw, err := loadRaw(stub, kind, attributes...)
	if raw == nil || err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, refuse(wordUnavailable, "%s is not ours to read: %q", kind, err.Error())
	}
	return true, nil
}

func loadRaw(stub shim.ChaincodeStubInterface, kind string, attributes ...string) ([]byte, error) {
	key, err := stub.CreateCompositeKey(kind, attributes)
	if err != nil {
		return nil, refuse(wordInvalid, "key: %q", err.Error())
	}
	raw, err := stub.GetState(key)
	if err != nil {
		return nil, refuse(wordUnavailable, "read %s: %q", kind, err.Error())
	}
	return raw, nil
}

func save(stub shim.ChaincodeStubInterface, value any, kind string, attributes ...string) error {
	key, err := stub.CreateCompositeKey(kind, attributes)
	if err != nil {
		return refuse(wordInvalid, "key: %q", err.Error())
	}
	if err := stub.PutState(key, []byte(encode(value))); err != nil {
		return refuse(wordUnavailable, "write %s: %q", kind, err.Error())
	}
	return nil
}
