// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

import {Monoprint} from "../src/Monoprint.sol";
import {Vm} from "./Vm.sol";

/// @notice A fresh contract before every test, and the people who meet at it.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant OWNER = address(0xA11CE);
    address internal constant MINTER = address(0xB0B);
    address internal constant COLLECTOR = address(0xC0FFEE);
    address internal constant STRANGER = address(0xDEAD);
    address internal constant ARTIST = address(0xA57157);

    bytes32 internal constant REQUEST = keccak256("one request");
    /// @dev Literals: a constant `sha256(...)` would be called where it is used, between a prank and its call.
    bytes32 internal constant DIGEST = 0xb94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9; // "hello world"
    bytes32 internal constant OTHER_DIGEST = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855; // ""

    Monoprint internal print;

    function setUp() public virtual {
        print = new Monoprint(OWNER, MINTER, "Harbour Lights", "HARB", "ipfs://collection", ARTIST, 500);
    }

    function mintOne() internal returns (uint256) {
        vm.prank(MINTER);
        return print.mint(COLLECTOR, REQUEST, DIGEST);
    }
}
