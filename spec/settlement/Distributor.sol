// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// NOT AUDITED. Pays what the ledger of a mesh says was withdrawn to an address, from tokens that this contract holds.
///
/// Leaves are cumulative: an address that misses roots loses nothing, and none is paid twice. Several of the mesh's
/// settlers sign a root; it counts after a delay in which each one of them alone can end it. So a single honest settler
/// stops a wrong root, and a single dishonest one can hold up all of them.
contract Distributor is EIP712 {
    using SafeERC20 for IERC20;

    bytes32 private constant ROOT = keccak256("Root(bytes32 mesh,uint256 epoch,uint256 round,bytes32 root)");

    IERC20 public immutable token;
    /// The mesh's ed25519 key.
    bytes32 public immutable mesh;
    /// Smallest units of the token for one token of the mesh.
    uint256 public immutable unit;
    /// Settlers that have to sign a root.
    uint256 public immutable quorum;
    /// Seconds between a root and the first claim by it.
    uint256 public immutable delay;
    mapping(address => bool) public isSettler;

    /// Of the root that counts.
    uint256 public epoch;
    bytes32 public root;
    /// The next one, in its delay; `since` is 0 where there is none.
    bytes32 public proposed;
    uint256 public since;
    /// Roots that were ended: what was signed for an earlier round counts no more.
    uint256 public round;
    /// By address, in tokens of the mesh.
    mapping(address => uint256) public claimed;

    event Proposed(uint256 indexed epoch, bytes32 root);
    event Ended(uint256 indexed epoch, bytes32 root, address by);
    event Accepted(uint256 indexed epoch, bytes32 root);
    event Claimed(address indexed account, uint256 tokens);

    error Settlers();
    error Stale();
    error Waiting();
    error Early();
    error None();
    error TooFew();
    error NotASettler();
    error NotProved();
    error Nothing();

    constructor(
        IERC20 token_,
        bytes32 mesh_,
        uint256 unit_,
        address[] memory settlers,
        uint256 quorum_,
        uint256 delay_
    ) EIP712("NeuroMesh settlement", "1") {
        if (quorum_ == 0 || quorum_ > settlers.length || unit_ == 0) revert Settlers();
        for (uint256 i = 0; i < settlers.length; i++) {
            if (settlers[i] == address(0) || isSettler[settlers[i]]) revert Settlers();
            isSettler[settlers[i]] = true;
        }
        (token, mesh, unit, quorum, delay) = (token_, mesh_, unit_, quorum_, delay_);
    }

    /// Anyone may bring it. The signatures are in the order of their settlers' addresses.
    function propose(uint256 next, bytes32 root_, bytes[] calldata signatures) external {
        if (next != epoch + 1) revert Stale();
        if (since != 0) revert Waiting();
        if (signatures.length < quorum) revert TooFew();
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(ROOT, mesh, next, round, root_)));
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; i++) {
            address settler = ECDSA.recover(digest, signatures[i]);
            if (settler <= last || !isSettler[settler]) revert NotASettler();
            last = settler;
        }
        (proposed, since) = (root_, block.timestamp);
        emit Proposed(next, root_);
    }

    /// A settler has computed another root from the ledger.
    function end() external {
        if (!isSettler[msg.sender]) revert NotASettler();
        if (since == 0) revert None();
        emit Ended(epoch + 1, proposed, msg.sender);
        (proposed, since) = (0, 0);
        round++;
    }

    /// Behind the delay, by anyone.
    function accept() external {
        if (since == 0) revert None();
        if (block.timestamp < since + delay) revert Early();
        (root, epoch) = (proposed, epoch + 1);
        (proposed, since) = (0, 0);
        emit Accepted(epoch, root);
    }

    /// Anyone may bring the claim of an address; it is paid to that address.
    function claim(address account, uint256 cumulative, bytes32[] calldata proof) external {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(account, cumulative))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert NotProved();
        uint256 before = claimed[account];
        if (cumulative <= before) revert Nothing();
        claimed[account] = cumulative;
        emit Claimed(account, cumulative - before);
        token.safeTransfer(account, (cumulative - before) * unit);
    }
}
