// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

import {Monoprint} from "../src/Monoprint.sol";
import {Ownable} from "solady/src/auth/Ownable.sol";
import {ERC721} from "solady/src/tokens/ERC721.sol";
import {Base} from "./Base.sol";

/// @notice What the owner may do, and that nobody is owner and minter at once.
contract RolesTest is Base {
    event MetadataUpdate(uint256 _tokenId);
    event ContractURIUpdated();
    event Redacted(uint256 indexed tokenId, bytes32 oldDigest, bytes32 newDigest);
    event MinterUpdated(address indexed oldMinter, address indexed newMinter);

    function test_owner_redacts_and_the_token_stays() public {
        uint256 tokenId = mintOne();
        vm.expectEmit(address(print));
        emit Redacted(tokenId, DIGEST, OTHER_DIGEST);
        vm.expectEmit(address(print));
        emit MetadataUpdate(tokenId);
        vm.prank(OWNER);
        print.redact(tokenId, OTHER_DIGEST);
        vm.assertEq(print.digestOf(tokenId), OTHER_DIGEST);
        vm.assertEq(print.ownerOf(tokenId), COLLECTOR);
        vm.assertEq(print.balanceOf(COLLECTOR), 1);
        vm.expectRevert(ERC721.TokenAlreadyExists.selector);
        vm.prank(MINTER);
        print.mint(COLLECTOR, REQUEST, DIGEST);
    }

    function test_only_the_owner_redacts() public {
        uint256 tokenId = mintOne();
        address[3] memory others = [MINTER, COLLECTOR, STRANGER];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(Ownable.Unauthorized.selector);
            vm.prank(others[i]);
            print.redact(tokenId, OTHER_DIGEST);
        }
    }

    function test_a_redaction_needs_a_token_and_another_digest() public {
        uint256 missing = print.tokenIdOf(REQUEST);
        vm.startPrank(OWNER);
        vm.expectRevert(ERC721.TokenDoesNotExist.selector);
        print.redact(missing, OTHER_DIGEST);
        vm.stopPrank();
        uint256 tokenId = mintOne();
        vm.startPrank(OWNER);
        vm.expectRevert(Monoprint.DigestIsZero.selector);
        print.redact(tokenId, 0);
        vm.expectRevert(abi.encodeWithSelector(Monoprint.DigestUnchanged.selector, tokenId, DIGEST));
        print.redact(tokenId, DIGEST);
        vm.stopPrank();
    }

    function test_owner_appoints_another_minter() public {
        vm.expectEmit(address(print));
        emit MinterUpdated(MINTER, STRANGER);
        vm.prank(OWNER);
        print.setMinter(STRANGER);
        vm.assertEq(print.minter(), STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Monoprint.NotMinter.selector, MINTER, STRANGER));
        vm.prank(MINTER);
        print.mint(COLLECTOR, REQUEST, DIGEST);
        vm.prank(STRANGER);
        print.mint(COLLECTOR, REQUEST, DIGEST);
    }

    function test_nobody_mints_without_a_minter() public {
        vm.prank(OWNER);
        print.setMinter(address(0));
        vm.expectRevert(abi.encodeWithSelector(Monoprint.NotMinter.selector, MINTER, address(0)));
        vm.prank(MINTER);
        print.mint(COLLECTOR, REQUEST, DIGEST);
    }

    function test_nobody_but_the_owner_appoints_or_moves_anything() public {
        vm.startPrank(MINTER);
        vm.expectRevert(Ownable.Unauthorized.selector);
        print.setMinter(STRANGER);
        vm.expectRevert(Ownable.Unauthorized.selector);
        print.setContractURI("ipfs://elsewhere");
        vm.expectRevert(Ownable.Unauthorized.selector);
        print.setRoyalty(MINTER, 1000);
        vm.stopPrank();
    }

    function test_nobody_is_owner_and_minter() public {
        vm.expectRevert(abi.encodeWithSelector(Monoprint.OwnerIsMinter.selector, OWNER));
        new Monoprint(OWNER, OWNER, "", "", "", address(0), 0);
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Monoprint.OwnerIsMinter.selector, OWNER));
        print.setMinter(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Monoprint.OwnerIsMinter.selector, MINTER));
        print.transferOwnership(MINTER);
        vm.stopPrank();
        vm.prank(MINTER);
        print.requestOwnershipHandover();
        vm.expectRevert(abi.encodeWithSelector(Monoprint.OwnerIsMinter.selector, MINTER));
        vm.prank(OWNER);
        print.completeOwnershipHandover(MINTER);
        vm.assertEq(print.owner(), OWNER);
    }

    function test_an_owner_is_needed_at_the_start() public {
        vm.expectRevert(Ownable.NewOwnerIsZeroAddress.selector);
        new Monoprint(address(0), MINTER, "", "", "", address(0), 0);
    }

    function test_owner_hands_over() public {
        vm.prank(OWNER);
        print.transferOwnership(STRANGER);
        vm.assertEq(print.owner(), STRANGER);
    }

    function test_owner_moves_the_collection_uri() public {
        vm.expectEmit(address(print));
        emit ContractURIUpdated();
        vm.prank(OWNER);
        print.setContractURI("ipfs://elsewhere");
        vm.assertEq(print.contractURI(), "ipfs://elsewhere");
    }
}
