package main

import (
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// functions are all there are, with their number of arguments. The contract library
// would also answer to other spellings (put, Contract:Put) and to its own contract's.
var functions = map[string]int{"Put": 1, "Get": 2, "Latest": 1, "Digest": 3, "Vote": 3, "Operator": 1, "Votes": 2}

// door lets through what is a function's one name, and keeps the words.
type door struct{ contract shim.Chaincode }

func newDoor(organisations []string, votes int) (*door, error) {
	contract, err := contractapi.NewChaincode(&Contract{organisations: organisations, votes: votes})
	if err != nil {
		return nil, err
	}
	return &door{contract}, nil
}

func (d *door) Init(shim.ChaincodeStubInterface) *peer.Response {
	return shim.Error(refuse(wordInvalid, "there is nothing to initialise").Error())
}

func (d *door) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	name, arguments := stub.GetFunctionAndParameters()
	want, known := functions[name]
	if !known {
		return shim.Error(refuse(wordInvalid, "%.40q is none of the functions", name).Error())
	}
	if len(arguments) != want {
		return shim.Error(refuse(wordInvalid, "%s takes %d arguments, not %d", name, want, len(arguments)).Error())
	}
	return d.contract.Invoke(stub)
}
